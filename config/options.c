/*
 * Every option of gpufleetd.yaml. To add one: a member in config.h, a row here, `make docs`.
 */
#include "config/private.h"

/* clang-format off */
#define MEMBER(s, m)       .offset = offsetof(struct s, m), .size = sizeof(((struct s *)0)->m)
#define ARRAY(s, m, n)     .offset = offsetof(struct s, m), .size = sizeof(((struct s *)0)->m[0]), \
			   .count_offset = offsetof(struct s, n), .max = (int64_t)ARRAY_LEN(((struct s *)0)->m)
#define TABLE(words, rows_) { .what = (words), .rows = (rows_), .count = ARRAY_LEN(rows_) }

#define CLOUDS "hotaisle,runpod,digitalocean,vastai"

static const char *const log_words[] = { "debug", "info", "warn", "error", NULL };

static const char *const orphan_words[] = { "delete", "adopt", NULL };
static const char *const trust_words[] = { "tofu", "proven", NULL };
static const char *const lost_words[] = { "finish_until_deadline", "delete", NULL };

static const struct option config_rows[] = {
	{ "state_dir", OPTION_PATH, MEMBER(config, state_dir), .unset = "/var/lib/gpufleet for root, else "
	  "$XDG_STATE_HOME/gpufleet (~/.local/state/gpufleet)", .sample = "/var/lib/gpufleet",
	  .help = "Directory of the database, the keys and the results. Made when it is missing, closed to "
	  "others." },
	{ "socket", OPTION_PATH, MEMBER(config, socket),
	  .unset = "/run/gpufleet/gpufleetd.sock for root, else "
	  "$XDG_RUNTIME_DIR/gpufleet/gpufleetd.sock, else gpufleetd.sock in state_dir",
	  .sample = "/run/gpufleet/gpufleetd.sock",
	  .help = "The Unix socket where gpufleetctl finds the daemon. At most 107 bytes." },
	{ "listen", OPTION_LISTEN, MEMBER(config, listen), .unset = "no TCP", .sample = "127.0.0.1:8470",
	  .help = "A loopback address and port where the API is served over TCP too, to whoever presents one of 'tokens': for "
	  "gpufleetctl --url through a tunnel, for metrics, and for a reverse proxy that brings TLS." },
	{ "listen_names", OPTION_LIST, ARRAY(config, listen_names, listen_name_count), .unset = "none",
	  .sample = "[gpufleet.example.org]",
	  .help = "What the Host of a request over TCP may be beside the address itself and localhost, one or a list: the name of a reverse "
	  "proxy, with its port where the port is not the usual one." },
	{ "log", OPTION_CHOICE, MEMBER(config, log), .words = log_words, .fallback = "info",
	  .help = "The least important lines that are logged: debug, info, warn or error." },
	{ "hub_url", OPTION_URL, MEMBER(config, hub_url), .fallback = "https://huggingface.co",
	  .help = "Where a recipe's model is looked up before anything is rented for it." },
	{ "on_orphan", OPTION_CHOICE, MEMBER(config, on_orphan), .words = orphan_words, .fallback = "delete",
	  .help = "What becomes of a machine with a valid mark of this site that the database does not know, because it was lost or "
		  "restored: delete it after proof.orphan_grace, a few in each sweep, or adopt it as a fleet of its own, open until "
		  "the deadline in its name." },
	{ "secrets_min_trust", OPTION_CHOICE, MEMBER(config, secrets_min_trust), .words = trust_words, .fallback = "tofu",
	  .help = "How well the host key of a machine must be known before secrets are sent to it: tofu (as shown at first contact) or "
	  "proven (known before, or read through the provider)." },
	{ "on_lost", OPTION_CHOICE, MEMBER(config, on_lost), .words = lost_words, .fallback = "finish_until_deadline",
	  .help = "What becomes of a machine that runs something and cannot be reached for proof.contact_lost, while its provider "
		  "shows it running: delete it, or leave its run the time that it may take, so that a cut network loses no night." },
	{ "providers", OPTION_TREE,
	  .unset = "each provider whose token is in the environment or a systemd credential",
	  .help = "The accounts that machines may be rented from, by name." },
	{ "secrets", OPTION_TREE, .unset = "none",
	  .help = "Secrets that runs may ask for, by the name of their variable." },
	{ "webhooks", OPTION_TREE, .unset = "none",
	  .help = "Where campaigns tell of their nights, by a name that their files use." },

	{ "tokens", OPTION_TREE, .unset = "none",
	  .help = "Who may use the API over TCP, by a name that stands in the events." },

	{ "keep.artifacts", OPTION_DURATION, MEMBER(config, keep.artifacts), .min = 0, .max = 3650 * DAY, .fallback = "365d",
	  .help = "The files of a run on this host (what was sent, its output, what was collected) are deleted this long after they "
		  "changed last; its figures stay in the database. 0 keeps them for ever." },

	{ "defaults.for", OPTION_DURATION, MEMBER(config, defaults.lifetime), .min = MINUTE, .max = 90 * DAY,
	  .fallback = "4h",
	  .help = "How long a fleet lives, counted from the moment when it is ready, when up says no "
	  "--for." },
	{ "defaults.idle", OPTION_DURATION, MEMBER(config, defaults.idle), .min = 0, .max = 90 * DAY,
	  .fallback = "15m",
	  .help = "A fleet that nobody uses for this long is torn down. 0 means never." },
	{ "defaults.boot", OPTION_DURATION, MEMBER(config, defaults.boot), .min = 0, .max = DAY,
	  .unset = "what is usual for the provider", .sample = "20m",
	  .help = "A machine that cannot be reached this long after it was ordered is given back." },
	{ "defaults.max_price", OPTION_MONEY, MEMBER(config, defaults.max_price), .unset = "no limit",
	  .sample = "6.00",
	  .help = "Dollars per GPU and hour that up pays at most when it says no --max-price." },
	{ "defaults.max_cost", OPTION_MONEY, MEMBER(config, defaults.max_cost), .fallback = "100.00",
	  .help = "Dollars that one fleet may cost when up says no --max-cost. 0 means no limit." },
	{ "defaults.accept_minimum", OPTION_MONEY, MEMBER(config, defaults.accept_minimum),
	  .fallback = "20.00",
	  .help = "The largest minimum charge, in dollars, that is taken without --accept-minimum." },

	{ "poll.boot", OPTION_DURATION, MEMBER(config, poll.boot), .min = SECOND, .max = HOUR,
	  .fallback = "5s",
	  .help = "How often a provider is asked about machines that are booting." },
	{ "poll.steady", OPTION_DURATION, MEMBER(config, poll.steady), .min = SECOND, .max = HOUR,
	  .fallback = "30s",
	  .help = "How often a machine that is up is contacted, and an account listed while something in it is "
	  "in doubt." },
	{ "poll.sweep", OPTION_DURATION, MEMBER(config, poll.sweep), .min = SECOND, .max = HOUR,
	  .fallback = "120s",
	  .help = "How often every account is listed and compared with what the daemon knows." },
	{ "poll.run", OPTION_DURATION, MEMBER(config, poll.run), .min = SECOND, .max = HOUR,
	  .fallback = "5s",
	  .help = "How often a running script is asked for its status and new output." },
	{ "poll.run_watched", OPTION_DURATION, MEMBER(config, poll.run_watched), .min = SECOND, .max = HOUR,
	  .fallback = "1s",
	  .help = "The same while somebody follows the run." },

	{ "poll.offers", OPTION_DURATION, MEMBER(config, poll.offers), .min = SECOND, .max = 5 * MINUTE,
	  .fallback = "10s",
	  .help = "How long offers, plans and orders wait for what a provider offers; without an answer by then its offers of "
	  "before are shown, and marked." },

	{ "roles.admin_group", OPTION_NAME, MEMBER(config, roles.admin_group),
	  .unset = "only root and the user of the daemon",
	  .sample = "gpufleet-admin", .help = "Unix group whose members may do everything." },
	{ "roles.operator_group", OPTION_NAME, MEMBER(config, roles.operator_group), .unset = "nobody else",
	  .sample = "gpufleet",
	  .help = "Unix group whose members may create fleets and runs, and end their own." },
	{ "roles.viewer_group", OPTION_NAME, MEMBER(config, roles.viewer_group), .unset = "nobody else",
	  .sample = "gpufleet-view",
	  .help = "Unix group whose members may look." },

	{ "proof.settle", OPTION_DURATION, MEMBER(config, proof.settle), .min = SECOND, .max = DAY,
	  .fallback = "10m",
	  .help = "A create without a definite answer is believed to have made nothing only after the "
	  "machine was looked for in vain "
	  "for this long." },
	{ "proof.settle_hotaisle", OPTION_DURATION, MEMBER(config, proof.settle_hotaisle), .min = SECOND,
	  .max = DAY, .fallback = "20m",
	  .help = "The same for accounts whose machines cannot be named when they are ordered." },
	{ "proof.absence_listings", OPTION_INT, MEMBER(config, proof.absence_listings), .min = 2, .max = 1000,
	  .fallback = "5",
	  .help = "Complete listings without the machine that this takes." },
	{ "proof.absence_spacing", OPTION_DURATION, MEMBER(config, proof.absence_spacing), .min = SECOND,
	  .max = HOUR, .fallback = "30s",
	  .help = "The least time between two of them." },
	{ "proof.gone_listings", OPTION_INT, MEMBER(config, proof.gone_listings), .min = 2, .max = 1000,
	  .fallback = "2",
	  .help = "Complete listings without a deleted machine before it counts as gone." },
	{ "proof.gone_spacing", OPTION_DURATION, MEMBER(config, proof.gone_spacing), .min = SECOND,
	  .max = HOUR, .fallback = "60s",
	  .help = "The least time between two of them." },
	{ "proof.late_watch", OPTION_DURATION, MEMBER(config, proof.late_watch), .min = SECOND,
	  .max = 90 * DAY, .fallback = "24h",
	  .help = "How long a machine that never appeared, or is gone, is still looked for in listings; one "
	  "that turns up is deleted." },
	{ "proof.orphan_grace", OPTION_DURATION, MEMBER(config, proof.orphan_grace), .min = SECOND,
	  .max = DAY, .fallback = "10m",
	  .help = "A machine with a valid mark of this site that the database does not know is deleted "
	  "after this long." },
	{ "proof.bill_poll", OPTION_DURATION, MEMBER(config, proof.bill_poll), .min = SECOND, .max = DAY,
	  .fallback = "5m",
	  .help = "How often the provider's own record of charges is read while it is not complete." },
	{ "proof.bill_watch", OPTION_DURATION, MEMBER(config, proof.bill_watch), .min = SECOND,
	  .max = 365 * DAY, .fallback = "35d",
	  .help = "How long that record is read before the metered cost is left to stand, and read again for what is "
	  "revised in it." },
	{ "proof.key_keep", OPTION_DURATION, MEMBER(config, proof.key_keep), .min = SECOND,
	  .max = 365 * DAY, .fallback = "7d",
	  .help = "How long our public key stays registered at a provider after the last machine there is "
	  "gone." },
	{ "proof.contact_lost", OPTION_DURATION, MEMBER(config, proof.contact_lost), .min = SECOND,
	  .max = 90 * DAY, .fallback = "10m",
	  .help = "A machine that cannot be reached for this long, while its provider answers, counts as "
	  "lost." },
	{ "proof.lease", OPTION_DURATION, MEMBER(config, proof.lease), .min = SECOND, .max = 90 * DAY,
	  .fallback = "15m",
	  .help = "A machine that has not heard from the daemon for this long, and has no run that may take longer, "
	  "ends its work, destroys its secrets and, at RunPod and vast.ai, deletes itself." },
};

static const struct option account_rows[] = {
	{ "type", OPTION_WORD, MEMBER(account_entry, type), .unset = "the account's name", .sample = "runpod",
	  .help = "The provider: hotaisle, runpod, digitalocean, vastai or static. Several accounts at one "
	  "provider have different "
	  "names and the same type." },
	{ "token_file", OPTION_PATH, MEMBER(account_entry, token_file), .only = CLOUDS,
	  .unset = "the systemd credential NAME.token, else the provider's variable",
	  .sample = "/etc/gpufleet/runpod.token",
	  .help = "File with the API token. It must be closed to group and others." },
	{ "api_url", OPTION_URL, MEMBER(account_entry, account.api_url), .only = CLOUDS,
	  .unset = "the provider's own",
	  .sample = "https://api.runpod.io/v2",
	  .help = "Where the API is. Plain http is accepted for this machine only." },
	{ "graphql_url", OPTION_URL, MEMBER(account_entry, account.graphql_url), .only = "runpod",
	  .unset = "the provider's own",
	  .sample = "https://api.runpod.io/graphql",
	  .help = "Where the GraphQL API is that tells the balance." },
	{ "team", OPTION_WORD, MEMBER(account_entry, account.team), .only = "hotaisle",
	  .unset = "the token's only team",
	  .sample = "acme", .help = "Handle of the team whose machines and balance are used." },
	{ "exclusive", OPTION_BOOL, MEMBER(account_entry, account.exclusive), .fallback = "false",
	  .help = "Every machine in the account is this daemon's; nobody else uses it. Lets doubtful "
	  "creates be resolved without a "
	  "person." },
	{ "region", OPTION_LIST, ARRAY(account_entry, account.regions, account.region_count), .only = CLOUDS,
	  .unset = "any",
	  .sample = "[EU-RO-1, US-KS-2]", .help = "Regions where machines may stand, one or a list." },
	{ "image", OPTION_WORD, MEMBER(account_entry, account.image), .only = CLOUDS,
	  .unset = "the provider's default for the GPU",
	  .sample = "rocm/pytorch:latest", .help = "Image that machines start from." },
	{ "user", OPTION_WORD, MEMBER(account_entry, account.user), .unset = "the provider's own",
	  .sample = "root",
	  .help = "User for SSH." },
	{ "ssh_port", OPTION_INT, MEMBER(account_entry, account.ssh_port), .min = 1, .max = 65535,
	  .unset = "what the provider says",
	  .sample = "22", .help = "Port for SSH." },
	{ "disk", OPTION_INT, MEMBER(account_entry, account.disk_gb), .min = 1, .max = 100000, .only = CLOUDS,
	  .unset = "the provider's default", .sample = "100",
	  .help = "Gigabytes of disk where they can be chosen." },
	{ "max_instances", OPTION_INT, MEMBER(account_entry, account.max_instances), .min = 1, .max = 100000, .only = CLOUDS,
	  .unset = "no limit", .sample = "20",
	  .help = "So many machines of ours the account holds at once; what would be more goes to another account, or is refused." },
	{ "max_hourly", OPTION_MONEY, MEMBER(account_entry, account.max_hourly), .only = CLOUDS,
	  .unset = "no limit", .sample = "60.00",
	  .help = "Dollars that our machines in the account cost an hour together at most." },
	{ "rate_factor", OPTION_INT, MEMBER(account_entry, account.rate_factor), .min = 1, .max = 100, .only = CLOUDS,
	  .fallback = "1",
	  .help = "How many times more requests than published the provider grants this account (simulated clouds: 20)." },
	{ "community", OPTION_BOOL, MEMBER(account_entry, account.community), .only = "runpod",
	  .fallback = "false",
	  .help = "Take machines of third parties (community cloud) too." },
	{ "min_reliability", OPTION_RATIO, MEMBER(account_entry, account.min_reliability_ppm),
	  .only = "vastai", .unset = "0.95",
	  .sample = "0.98", .help = "Least reliability of a host, as a fraction." },
	{ "min_inet_down", OPTION_INT, MEMBER(account_entry, account.min_inet_down), .min = 1, .max = 100000,
	  .only = "vastai", .unset = "500", .sample = "500",
	  .help = "Least download rate of a host in Mbit/s: a slower one pulls an image until the boot time is over." },
	{ "traffic", OPTION_INT, MEMBER(account_entry, account.traffic_gb), .min = 1, .max = 100000, .only = "vastai",
	  .fallback = "200",
	  .help = "Gigabytes that a machine may receive: they are charged beside the price by the hour, and held for it with each order." },
	{ "min_cuda", OPTION_WORD, MEMBER(account_entry, account.min_cuda), .only = "vastai", .unset = "any",
	  .sample = "12.4",
	  .help = "Least CUDA version that the driver of an NVIDIA host supports. Hosts with AMD GPUs are not judged by it." },
	{ "avoid_hosts", OPTION_LIST, ARRAY(account_entry, account.avoid_hosts, account.avoid_host_count), .only = "vastai",
	  .unset = "none", .sample = "[\"88888\"]",
	  .help = "Machine ids of hosts where nothing is rented, one or a list. Hosts that proved bad are left alone for an hour, those "
		  "that were not what they said they were for a day, without being named here." },
	{ "hosts", OPTION_TREE, .only = "static", .unset = "none",
	  .help = "List of machines that are already yours." },
};

static const struct option host_rows[] = {
	{ "name", OPTION_NAME, MEMBER(host_entry, host.name), .unset = "required", .sample = "lab1",
	  .help = "What the host is called; unique in the account." },
	{ "address", OPTION_WORD, MEMBER(host_entry, host.address), .unset = "required", .sample = "10.0.0.7",
	  .help = "Name or address for SSH." },
	{ "user", OPTION_WORD, MEMBER(host_entry, host.user), .unset = "the account's user",
	  .sample = "bench", .help = "User for SSH." },
	{ "port", OPTION_INT, MEMBER(host_entry, host.port), .min = 1, .max = 65535, .fallback = "22",
	  .help = "Port for SSH." },
	{ "system_ssh", OPTION_BOOL, MEMBER(host_entry, host.system_ssh), .fallback = "false",
	  .help = "Reach it by the system's ssh(1): for hosts with RSA keys only, jump hosts, hardware keys." },
	{ "ssh_config", OPTION_PATH, MEMBER(host_entry, host.ssh_config), .unset = "none",
	  .sample = "/etc/gpufleet/ssh_config", .help = "Configuration for the system's ssh, see ssh_config(5); it is then used." },
	{ "host_key", OPTION_TEXT, MEMBER(host_entry, host.host_key), .unset = "the one of the first contact",
	  .sample = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5sP2cPRkvWUuXB4gtYgkDGSh2xGn1zPbRduRyeVGzP",
	  .help = "Its public host key, the first two words of /etc/ssh/ssh_host_ed25519_key.pub there." },
	{ "gpu", OPTION_TEXT, MEMBER(host_entry, gpu), .unset = "required", .sample = "R9700:2",
	  .help = "Model and number of its GPUs; of its CPUs where it has none, like EPYC:2." },
	{ "price_per_hour", OPTION_MONEY, MEMBER(host_entry, host.price_hour), .fallback = "0.00",
	  .sample = "0.35",
	  .help = "Dollars that an hour of the whole host is worth in reports." },
};

static const struct option secret_rows[] = {
	{ "file", OPTION_PATH, MEMBER(config_secret, file), .unset = "required",
	  .sample = "/etc/gpufleet/hf.token",
	  .help = "File with the secret. It must be closed to group and others." },
	{ "owners", OPTION_LIST, ARRAY(config_secret, owners, owner_count),
	  .unset = "everybody who may run something",
	  .sample = "[perf-team]", .help = "Owners whose runs may have it, one or a list." },
};

static const char *const role_words[] = { "viewer", "operator", "admin", NULL };
static const struct option token_rows[] = {
	{ "role", OPTION_CHOICE, MEMBER(config_token, role), .words = role_words, .fallback = "viewer",
	  .help = "What the token may do: viewer (look), operator (also create, and end its own) or admin (everything)." },
	{ "file", OPTION_PATH, MEMBER(config_token, file), .unset = "required", .sample = "/etc/gpufleet/ci.digest",
	  .help = "File with the token's digest, as gpufleetctl token prints it, or with the token. It must be closed to group and others." },
	{ "owner", OPTION_NAME, MEMBER(config_token, owner), .unset = "token:NAME, whom no user is called like", .sample = "ana",
	  .help = "Whose fleets, runs and secrets are the token's own: those of a user of this host, or of several tokens together." },
};

static const char *const template_words[] = { "json", "slack", NULL };
static const struct option webhook_rows[] = {
	{ "url", OPTION_URL, MEMBER(config_webhook, url), .unset = "in url_file", .sample = "https://hooks.example.org/gpufleet",
	  .help = "Where each message is posted." },
	{ "url_file", OPTION_PATH, MEMBER(config_webhook, url_file), .unset = "in url", .sample = "/etc/gpufleet/slack.url",
	  .help = "File with the address, for those that are a secret themselves. It must be closed to group and others." },
	{ "secret_file", OPTION_PATH, MEMBER(config_webhook, secret_file), .unset = "not signed", .sample = "/etc/gpufleet/ops.key",
	  .help = "File with the key of the signature (HMAC-SHA-256). It must be closed to group and others." },
	{ "template", OPTION_CHOICE, MEMBER(config_webhook, template), .words = template_words, .fallback = "json",
	  .help = "What is posted: json (everything, for programs) or slack (one text, as Slack and those that speak like it want it)." },
};
/* clang-format on */

const struct option_table config_options = TABLE("the configuration", config_rows);
const struct option_table account_options = TABLE("an account", account_rows);
const struct option_table host_options = TABLE("a host", host_rows);
const struct option_table secret_options = TABLE("a secret", secret_rows);
const struct option_table token_options = TABLE("a token", token_rows);
const struct option_table webhook_options = TABLE("a webhook", webhook_rows);
