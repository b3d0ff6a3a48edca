#include "tests/contract/arguments.h"

#include "base/str.h"

#define KEY  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5sP2cPRkvWUuXB4gtYgkDGSh2xGn1zPbRduRyeVGzP gpufleet"
#define MARK "gf1-abc234-aaaaaaaaaaaaa-zzzzzz-mmmmmmmm"
#define UUID "506f78a4-e098-11e5-ad9f-000f53306ae1"

static const struct subject subjects[] = {
	{ "hotaisle", "0b7d3e1c-5f6a-4c2b-9d8e-7a6b5c4d3e2f", "", "us-michigan-1", "hotaisle/available.json", "", "", "" },
	{ "runpod", "5xpma5eg46tqjq", "", "EU-RO-1", "runpod/gpus.json", "2q9m7x4c", "", "" },
	{ "digitalocean", "448543583", "512189", "atl1", "digitalocean/sizes-1.json", UUID, "6372321", "36804636" },
	{ "vastai", "12345678", "123", "US", "vastai/offers.json", "20118481", "", "" },
};

const struct place contract_places[] = {
	{ "hotaisle", OP_DESCRIBE, { .step = 1 } },
	{ "hotaisle", OP_KEY, { .step = 1 } },
	{ "hotaisle", OP_KEY_DROP, { .step = 1, .token = "SHA256:AbCd/+xyz" } },
	{ "runpod", OP_OFFERS, { .step = 1 } },
	{ "runpod", OP_OFFERS, { .step = 2 } },
	{ "runpod", OP_OFFERS, { .step = 3 } },
	{ "runpod", OP_LIST, { .page = 1, .token = "bmV4dA==+/" } },
	{ "digitalocean", OP_OFFERS, { .page = 2 } },
	{ "digitalocean", OP_KEY, { .step = 1 } },
	{ "digitalocean", OP_KEY, { .step = 2 } },
	{ "digitalocean", OP_LIST, { .page = 2 } },
	{ "digitalocean", OP_LIST, { .step = 1 } },
	{ "digitalocean", OP_LIST, { .step = 1, .page = 2 } },
	{ "digitalocean", OP_BILL, { .step = 1, .token = UUID } },
	{ "digitalocean", OP_BILL, { .step = 1, .page = 2, .token = UUID } },
	{ "digitalocean", OP_BILL, { .step = 2, .token = UUID } },
	{ "digitalocean", OP_STORAGE_BILL, { .step = 1, .token = UUID } },
	{ "digitalocean", OP_STORAGE_BILL, { .step = 1, .page = 2, .token = UUID } },
	{ "digitalocean", OP_STORAGE_BILL, { .step = 2, .token = UUID } },
	{ "runpod", OP_STORAGE, { .page = 1, .token = "bmV4dA==+/" } },
	{ "digitalocean", OP_STORAGE, { .page = 2 } },
	{ "digitalocean", OP_STORAGE, { .step = 1 } },
	{ "digitalocean", OP_VOLUME_MAKE, { .step = 1 } },
	{ "digitalocean", OP_VOLUME_ATTACH, { .step = 1, .number = 422, .token = "no" } },
	{ "digitalocean", OP_VOLUME_DETACH, { .step = 1, .number = 422, .token = "no" } },
	{ "digitalocean", OP_SNAPSHOT_LOOK, { .step = 1 } },
	{ "digitalocean", OP_SNAPSHOT_LOOK, { .step = 1, .page = 2 } },
	{ "vastai", OP_VOLUME_MAKE, { .step = 1, .number = 420 } },
	{ "vastai", OP_VOLUME_MAKE, { .step = 2 } },
	{ "vastai", OP_OFFERS, { .step = 1 } },
	{ "vastai", OP_OFFERS, { .step = 2, .page = 1, .number = 2418901 } },
	{ "vastai", OP_KEY, { .step = 1 } },
	{ "vastai", OP_KEY_DROP, { .step = 1, .token = "123" } },
	{ "vastai", OP_LIST, { .page = 1, .token = "eyJ2YWx1ZXMiOiB7ImlkIjogMTIzfX0=" } },
	{ "vastai", OP_BILL, { .page = 1, .token = "eyJ2YWx1ZXMiOiB7ImlkIjogMTIzNDU2Nzh9fQ==" } },
	{ "vastai", OP_STORAGE_BILL, { .page = 1, .token = "eyJ2YWx1ZXMiOiB7ImlkIjogMTIzNDU2Nzh9fQ==" } },
	{ "vastai", OP_LOG, { .step = 1, .token = "https://s3.amazonaws.com/vast.ai/instance_logs/abc.log" } },
};

const size_t contract_place_count = ARRAY_LEN(contract_places);

/* The storage that operation `op` is about. */
static void put_storage(struct world *w, enum provider_op_kind op)
{
	bool snapshot = op == OP_SNAPSHOT_MAKE || op == OP_SNAPSHOT_LOOK || op == OP_SNAPSHOT_DROP;
	bool make = op == OP_VOLUME_MAKE || op == OP_SNAPSHOT_MAKE;

	w->storage = (struct storage){ .kind = snapshot ? STORAGE_SNAPSHOT : STORAGE_VOLUME, .size_gb = 500 };
	str_copy(w->storage.name, "gf1-models");
	str_copy(w->storage.region, w->s->region);
	if (!make)
		str_copy(w->storage.id, snapshot ? w->s->snapshot : w->s->volume);
	if (snapshot)
		str_copy(w->storage.source, w->s->id);
	if (!strcmp(w->p->name, "vastai"))
		str_copy(w->storage.host, "88888");
}

void world_begin(struct world *w, const struct provider *p, enum provider_op_kind op)
{
	static char token[] = "token";

	memset(w, 0, sizeof(*w));
	w->p = p;
	for (size_t i = 0; i < ARRAY_LEN(subjects); i++)
		if (!strcmp(subjects[i].provider, p->name))
			w->s = &subjects[i];
	if (!w->s) {
		fprintf(stderr, "requests: provider '%s' has no subject in tests/contract/requests.c\n", p->name);
		exit(1);
	}
	str_copy(w->account.name, p->name);
	str_copy(w->account.provider, p->name);
	str_copy(w->account.api_url, p->api_url);
	str_copy(w->account.team, "acme-corporation");
	w->account.token.value = token;
	w->args = (struct op_args){ .account = &w->account, .mark = MARK, .public_key = KEY, .key_id = w->s->key_id, .id = w->s->id };
	w->args.storage = &w->storage;
	w->args.machine = w->s->id;
	w->args.work = w->s->work;
	put_storage(w, op);
}

static void every_gpu_alone(struct world *w) { w->args.gpu_count = 1; }
static void mi300x(struct world *w)
{
	str_copy(w->args.gpu, "MI300X");
	w->args.gpu_count = 8;
}
static void h100(struct world *w) { str_copy(w->args.gpu, "H100"); }
static void large_disk(struct world *w) { w->args.disk_gb = 500; }
static void spot(struct world *w) { w->args.spot = true; }
static void community(struct world *w) { w->account.community = true; }
static void reliable(struct world *w) { w->account.min_reliability_ppm = 990000; }
static void regional(struct world *w)
{
	str_copy(w->account.regions[0], w->s->region);
	w->account.region_count = 1;
}
static void image(struct world *w) { w->args.image = "rocm/pytorch:rocm6.4"; }
static void own_image(struct world *w) { str_copy(w->account.image, "runpod/base:1.0.2-rocm644-ubuntu2404-py312-pytorch271"); }
static void numbered_image(struct world *w) { w->args.image = "6372321"; }
static void host_key(struct world *w)
{
	w->args.host_private = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
	w->args.host_public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5sP2cPRkvWUuXB4gtYgkDGSh2xGn1zPbRduRyeVGzP";
}
static void with_volume(struct world *w)
{
	put_storage(w, OP_VOLUME_DROP);
	w->volume = w->storage;
	w->args.volume = &w->volume;
	w->args.volume_path = "/models";
}
static void from_snapshot(struct world *w)
{
	put_storage(w, OP_SNAPSHOT_DROP);
	w->snapshot = w->storage;
	w->args.snapshot = &w->snapshot;
}
static void all_machines(struct world *w) { w->args.id = NULL; }
static void window(struct world *w)
{
	w->args.from = (instant)1795132800 * SECOND;
	w->args.until = w->args.from + 90 * MINUTE;
}
static void all_in_window(struct world *w)
{
	all_machines(w);
	window(w);
}
static void of_volume(struct world *w)
{
	w->storage.of_volume = true;
	str_copy(w->storage.source, w->s->volume);
}
static void from_volume_snapshot(struct world *w) { str_copy(w->storage.source, UUID); }
static void one_snapshot(struct world *w)
{
	put_storage(w, OP_SNAPSHOT_DROP);
	if (!*w->storage.id)
		put_storage(w, OP_STORAGE_BILL); /* there are no snapshots */
}
static void without_work(struct world *w) { w->args.work = ""; }

const struct variation contract_variations[] = {
	{ OP_OFFERS, "every GPU alone", every_gpu_alone },
	{ OP_OFFERS, "eight MI300X", mi300x },
	{ OP_OFFERS, "H100", h100 },
	{ OP_OFFERS, "500 GB", large_disk },
	{ OP_OFFERS, "spot", spot },
	{ OP_OFFERS, "community", community },
	{ OP_OFFERS, "reliable", reliable },
	{ OP_OFFERS, "regions", regional },
	{ OP_CREATE, "image", image },
	{ OP_CREATE, "the account's image", own_image },
	{ OP_CREATE, "image by number", numbered_image },
	{ OP_CREATE, "500 GB", large_disk },
	{ OP_CREATE, "host key", host_key },
	{ OP_CREATE, "volume", with_volume },
	{ OP_CREATE, "snapshot", from_snapshot },
	{ OP_CREATE, "community", community },
	{ OP_CREATE, "spot", spot },
	{ OP_BILL, "all machines", all_machines },
	{ OP_BILL, "window", window },
	{ OP_BILL, "all machines in a window", all_in_window },
	{ OP_STORAGE_BILL, "window", window },
	{ OP_STORAGE_BILL, "of a snapshot", one_snapshot },
	{ OP_VOLUME_MAKE, "from a snapshot", from_volume_snapshot },
	{ OP_SNAPSHOT_MAKE, "of a volume", of_volume },
	{ OP_SNAPSHOT_LOOK, "of a volume", of_volume },
	{ OP_SNAPSHOT_LOOK, "its number is known", without_work },
	{ OP_SNAPSHOT_DROP, "of a volume", of_volume },
};

const size_t contract_variation_count = ARRAY_LEN(contract_variations);
