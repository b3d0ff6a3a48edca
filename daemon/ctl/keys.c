#include "ctl/keys.h"
#include "base/crypto.h"
#include "base/str.h"
#include "ctl/spawn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define KEY_LINE_MAX 16384

bool keys_is_public(const char *line)
{
	static const char *const kinds[] = { "ssh-ed25519 ", "ssh-rsa ", "ecdsa-sha2-nistp256 ", "ecdsa-sha2-nistp384 ",
		"ecdsa-sha2-nistp521 ", "sk-ssh-ed25519@openssh.com ", "sk-ecdsa-sha2-nistp256@openssh.com " };
	char *blob;
	uint8_t *data = NULL;
	size_t n;

	if (strlen(line) > KEY_LINE_MAX || !str_is_utf8(line, strlen(line)))
		return false;
	for (const unsigned char *s = (const unsigned char *)line; *s; s++)
		if (*s < 0x20 || *s == 0x7f)
			return false;
	for (size_t i = 0; i < ARRAY_LEN(kinds) && !data; i++) {
		if (!str_starts(line, kinds[i]))
			continue;
		line += strlen(kinds[i]);
		blob = xstrndup(line, strcspn(line, " "));
		data = *blob ? crypto_base64_decode(blob, &n) : NULL;
		free(blob);
	}
	free(data);
	return data != NULL;
}

static void add_line(json_t *keys, const char *line)
{
	const json_t *old;
	size_t n, blob = strcspn(line, " ") + 1;

	if (!keys_is_public(line) || json_array_size(keys) == KEYS_MAX)
		return;
	blob += strcspn(line + blob, " ");
	json_array_foreach(keys, n, old)
		if (!strncmp(json_string_value(old), line, blob))
			return; /* the same key, perhaps with another comment */
	json_array_append_new(keys, json_string(line));
}

static void add_lines(json_t *keys, struct buf *text)
{
	char *rest = text->data, *line;

	while (rest && (line = str_split(&rest, "\r\n")))
		add_line(keys, line);
}

static void add_agent(json_t *keys)
{
	char program[] = "ssh-add", list[] = "-L";
	char *argv[] = { program, list, NULL };
	struct buf out = BUF(KEYS_MAX * KEY_LINE_MAX), errors = BUF(4096);
	const char *agent = getenv("SSH_AUTH_SOCK");

	if (agent && *agent && spawn_wait(argv, &out, &errors, NULL) == 0)
		add_lines(keys, &out);
	buf_free(&out);
	buf_free(&errors);
}

static int is_public(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return !strncmp(d->d_name, "id_", 3) && n > 7 && !strcmp(d->d_name + n - 4, ".pub");
}

static void add_file(json_t *keys, const char *path)
{
	struct buf text = BUF(KEY_LINE_MAX);
	char chunk[KEY_LINE_MAX];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_append(&text, chunk, (size_t)n);
	close(fd);
	add_lines(keys, &text);
	buf_free(&text);
}

/* The paths of ~/.ssh/id_*.pub. */
static json_t *public_files(void)
{
	const char *home = getenv("HOME");
	char *dir = xasprintf("%s/.ssh", home ? home : "");
	json_t *paths = json_array();
	struct dirent **entries;
	int n = home ? scandir(dir, &entries, is_public, alphasort) : -1;

	for (int i = 0; i < n; i++) {
		char *path = xasprintf("%s/%s", dir, entries[i]->d_name);

		json_array_append_new(paths, json_string(path));
		free(path);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	free(dir);
	return paths;
}

static void add_home(json_t *keys)
{
	json_t *paths = public_files(), *path;
	size_t i;

	json_array_foreach(paths, i, path)
		add_file(keys, json_string_value(path));
	json_decref(paths);
}

json_t *keys_private_files(void)
{
	json_t *paths = public_files(), *out = json_array(), *path;
	size_t i;

	json_array_foreach(paths, i, path) {
		const char *name = json_string_value(path);
		char *private = xstrndup(name, strlen(name) - strlen(".pub"));

		if (access(private, R_OK) == 0 && json_array_size(out) < KEYS_MAX)
			json_array_append_new(out, json_string(private));
		free(private);
	}
	json_decref(paths);
	return out;
}

json_t *keys_collect(struct err *e)
{
	json_t *keys = json_array();

	add_agent(keys);
	add_home(keys);
	if (json_array_size(keys))
		return keys;
	json_decref(keys);
	err_set(e, ERR_USAGE, "you have no SSH key: the agent holds none and there is no ~/.ssh/id_*.pub; make one with: "
			      "ssh-keygen -t ed25519");
	return NULL;
}
