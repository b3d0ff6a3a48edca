/*
 * Volumes and snapshots on this host: a directory each, which outlives the machines.
 *
 *	stores/CLOUD-N/disk     what is in a volume
 *	stores/CLOUD-N/fs       "ext4 UUID LABEL": it has a file system; written here or by the stand-in for mkfs.ext4
 *	stores/CLOUD-N/lost     mkfs.ext4 was run on a file system: one line each time
 *	stores/CLOUD-N/home     a snapshot: the HOME of the droplet
 *	stores/CLOUD-N/images   … and the images that its docker had
 *
 * A machine sees a volume through a link: DIR → mounts/NAME/on → the volume's disk; the directory that was at DIR waits as
 * mounts/NAME/under, and mounts/NAME/dir says where DIR is. In a container this is so from the beginning, at the path that its
 * create said, a leading /root being HOME. A droplet has devices/scsi-0DO_Volume_NAME, a file that names the volume's directory, and
 * the stand-ins mount it. Losing the device cuts the second link: what stays mounted fails, as a device that went away does.
 */
#include "cloud_storage.h"
#include "sim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEVICE "scsi-0DO_Volume_"
#define PLACE  (PATH_MAX + 1024) /* a path below a machine's or a store's directory */

/* What stands behind a store on this host. */
struct shelf {
	char dir[PATH_MAX / 2];
	bool wiped;
};

static bool is_droplet(const struct sim_machine *m)
{
	return !strcmp(m->cloud->model->name, "digitalocean");
}

static void complain(const struct err *e)
{
	fprintf(stderr, "gpufleet-sim: %s\n", e->msg);
}

static int put_text(const char *path, const char *text, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || dprintf(fd, "%s\n", text) < 0 || close(fd))
		return err_errno(e, ERR_FAILED, "cannot write %s", path);
	return 0;
}

static int make_dir(const char *path, struct err *e)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return err_errno(e, ERR_FAILED, "cannot make %s", path);
	return 0;
}

/* ---- stores ---- */

/* Where links that are mounts lead, so that a copy has the directory instead. */
static void mounts_of(const struct host *h, char *out, size_t size)
{
	snprintf(out, size, "%s/mounts/", h->dir);
}

static int fill_snapshot(const struct sim_store *s, const struct shelf *f, struct err *e)
{
	const struct host *h = s->machine->front;
	char from[PATH_MAX], to[PATH_MAX], mounts[PATH_MAX];

	if (!h)
		return 0; /* it never ran */
	mounts_of(h, mounts, sizeof(mounts));
	snprintf(from, sizeof(from), "%s/home", h->dir);
	snprintf(to, sizeof(to), "%s/home", f->dir);
	if (tree_copy(from, to, mounts, e))
		return -1;
	snprintf(from, sizeof(from), "%s/docker/images", h->dir);
	snprintf(to, sizeof(to), "%s/images", f->dir);
	return tree_copy(from, to, "", e);
}

static int fill(const struct sim_store *s, const struct shelf *f, struct err *e)
{
	const struct shelf *source = s->source ? s->source->front : NULL;
	char path[PATH_MAX], text[64];

	if (make_dir(f->dir, e))
		return -1;
	if (s->machine)
		return fill_snapshot(s, f, e);
	snprintf(path, sizeof(path), "%s/disk", f->dir);
	if (make_dir(path, e))
		return -1;
	if (source)
		return tree_copy(source->dir, f->dir, "", e);
	if (!*s->format)
		return 0;
	snprintf(path, sizeof(path), "%s/fs", f->dir);
	snprintf(text, sizeof(text), "%s 00000000-0000-4000-8000-%012lld %s", s->format, (long long)s->serial, json_str(s->extra, "label", ""));
	return put_text(path, text, e);
}

static struct shelf *shelf_new(struct sim *s, struct sim_store *store)
{
	struct shelf *f = xcalloc(1, sizeof(*f));
	struct err e;

	snprintf(f->dir, sizeof(f->dir), "%s/stores/%s-%lld", s->dir, store->cloud->model->name, (long long)store->serial);
	store->front = f;
	if (fill(store, f, &e))
		complain(&e);
	return f;
}

void storage_sync(struct sim *s, struct cloud *c)
{
	for (size_t i = 0; i < c->store_count && !s->options.no_ssh; i++) {
		struct sim_store *store = c->stores[i];
		struct shelf *f = store->front ? store->front : shelf_new(s, store);

		if (store->deleted && !f->wiped) {
			tree_remove(f->dir);
			f->wiped = true;
		}
	}
}

void storage_free(struct cloud *c)
{
	for (size_t i = 0; i < c->store_count; i++) {
		free(c->stores[i]->front);
		c->stores[i]->front = NULL;
	}
}

void storage_describe(const struct sim_store *s, json_t *j)
{
	const struct shelf *f = s->front;
	char path[PATH_MAX];

	json_put_str(j, "dir", f ? f->dir : NULL);
	if (!f || s->kind == SIM_DISK_SNAPSHOT)
		return;
	snprintf(path, sizeof(path), "%s/fs", f->dir);
	json_put_bool(j, "formatted", !access(path, F_OK));
	snprintf(path, sizeof(path), "%s/lost", f->dir);
	json_put_bool(j, "lost", !access(path, F_OK));
}

/* ---- machines ---- */

int storage_build(const struct sim_machine *m, const struct host *h, struct err *e)
{
	static const char *const keys[] = { "authorized_keys", "authorized_keys2" };
	const struct shelf *f = m->disk ? m->disk->front : NULL;
	char from[PATH_MAX], to[PATH_MAX];

	snprintf(to, sizeof(to), "%s/mounts", h->dir);
	if (make_dir(to, e))
		return -1;
	snprintf(to, sizeof(to), "%s/devices", h->dir);
	if (make_dir(to, e) || !f)
		return f ? -1 : 0;
	snprintf(from, sizeof(from), "%s/home", f->dir);
	snprintf(to, sizeof(to), "%s/home", h->dir);
	if (tree_copy(from, to, "", e))
		return -1;
	/* Who may log in is the new machine's business. */
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		snprintf(to, sizeof(to), "%s/home/.ssh/%s", h->dir, keys[i]);
		unlink(to);
	}
	snprintf(to, sizeof(to), "%s/docker", h->dir);
	if (make_dir(to, e))
		return -1;
	snprintf(from, sizeof(from), "%s/images", f->dir);
	snprintf(to, sizeof(to), "%s/docker/images", h->dir);
	return tree_copy(from, to, "", e);
}

const char *const *storage_tools(const struct sim_machine *m)
{
	static const char *const droplet[] = { "blkid", "mkfs.ext4", "mount", "mountpoint", "umount", NULL },
				 *const container[] = { "mountpoint", NULL }, *const none[] = { NULL };

	if (is_droplet(m))
		return droplet;
	return strcmp(m->cloud->model->name, "hotaisle") ? container : none;
}

bool storage_has_devices(const struct sim_machine *m)
{
	return is_droplet(m);
}

/* Every directory on the way to the last part. */
static void make_parents(char *path)
{
	for (char *p = path + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
}

/* A container's volume, at its path for good. */
static int mount_path(const struct host *h, const struct sim_store *s, const struct sim_use *u, struct err *e)
{
	const struct shelf *f = s->front;
	const char *below = !strncmp(u->path, "/root/", 6) ? u->path + 5 : u->path;
	char record[PATH_MAX], dir[PLACE], path[PLACE], disk[PLACE];

	snprintf(record, sizeof(record), "%s/mounts/volume-%lld", h->dir, (long long)s->serial);
	if (!mkdir(record, 0700)) {
		snprintf(dir, sizeof(dir), "%s/home%s", h->dir, below);
		make_parents(dir);
		snprintf(path, sizeof(path), "%s/under", record);
		if (rename(dir, path) && errno == ENOENT)
			make_dir(path, e);
		snprintf(path, sizeof(path), "%s/dir", record);
		if (put_text(path, dir, e))
			return -1;
		snprintf(path, sizeof(path), "%s/on", record);
		snprintf(disk, sizeof(disk), "%s/disk", f->dir);
		if (symlink(disk, path) || symlink(path, dir))
			return err_errno(e, ERR_FAILED, "cannot make %s", dir);
	} else if (errno != EEXIST) {
		return err_errno(e, ERR_FAILED, "cannot make %s", record);
	}
	return 0;
}

/* A droplet's volume: its device comes and goes with the attachment. */
static int plug(const struct host *h, const struct sim_store *s, bool attached, struct err *e)
{
	const struct shelf *f = s->front;
	char device[PLACE], on[PLACE];

	snprintf(device, sizeof(device), "%s/devices/" DEVICE "%s", h->dir, s->name);
	if (attached)
		return access(device, F_OK) ? put_text(device, f->dir, e) : 0;
	if (unlink(device))
		return 0;
	snprintf(on, sizeof(on), "%s/mounts/" DEVICE "%s/on", h->dir, s->name);
	unlink(on);
	return 0;
}

/* Has the machine this volume now, or has it ever? Names are unique in a region, so a later volume may have an earlier one's. */
static bool ever_used(const struct sim_store *s, const struct sim_machine *m)
{
	for (size_t i = 0; i < s->use_count; i++)
		if (s->uses[i].machine == m)
			return true;
	return false;
}

void storage_attach(struct cloud *c, const struct sim_machine *m, const struct host *h)
{
	struct err e;
	int rc = 0;

	/* What was taken away first: its name may be somebody else's by now. */
	for (size_t i = 0; i < c->store_count && is_droplet(m); i++)
		if (ever_used(c->stores[i], m) && !cloud_store_used(c, c->stores[i], m))
			rc = plug(h, c->stores[i], false, &e) || rc;
	for (size_t i = 0; i < c->store_count; i++) {
		const struct sim_use *u = cloud_store_used(c, c->stores[i], m);

		if (u)
			rc = (*u->path ? mount_path(h, c->stores[i], u, &e) : plug(h, c->stores[i], true, &e)) || rc;
	}
	if (rc)
		complain(&e);
}

static void unmount(const char *record)
{
	char path[PLACE], dir[PLACE];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/dir", record);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, dir, sizeof(dir) - 1);
	if (fd >= 0)
		close(fd);
	if (n > 0) {
		dir[n] = '\0';
		dir[strcspn(dir, "\n")] = '\0';
		snprintf(path, sizeof(path), "%s/under", record);
		if (!unlink(dir))
			rename(path, dir);
	}
	tree_remove(record);
}

void storage_power_off(const struct sim_machine *m, const struct host *h)
{
	char path[PATH_MAX], record[PLACE - 16];
	struct dirent *entry;
	DIR *d;

	snprintf(path, sizeof(path), "%s/mounts", h->dir);
	d = is_droplet(m) ? opendir(path) : NULL;
	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.') {
			snprintf(record, sizeof(record), "%s/%s", path, entry->d_name);
			unmount(record);
		}
	if (d)
		closedir(d);
}
