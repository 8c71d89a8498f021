/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state's file: see state.h. */
#include "scope/sim/state.h"

#include "scope/lock.h"

#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAGIC "emsim 2" /* with its NUL the first 8 bytes; another layout is another number */
#define SLOT 4096

/* Write number n is in slot n % 2. */
struct slot {
	char magic[8];
	uint64_t count, size;
	struct em_sim_state state;
	char digest[EM_DIGEST_HEX];
};
_Static_assert(sizeof(struct slot) <= SLOT, "a slot has to hold the state");

static void make_digest(const struct slot *slot, char digest[EM_DIGEST_HEX])
{
	em_digest_sha256_hex(slot, offsetof(struct slot, digest), digest);
}

static bool slot_is_whole(const struct slot *slot, uint64_t which)
{
	char digest[EM_DIGEST_HEX];

	if (memcmp(slot->magic, MAGIC, sizeof(slot->magic)) || slot->size != sizeof(slot->state) ||
	    slot->count % 2 != which || slot->count < 1 || slot->count >> 62)
		return false;
	make_digest(slot, digest);
	return !memcmp(digest, slot->digest, sizeof(digest));
}

/* ---- the lock ---- */

double em_sim_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int take_lock(int fd, const char *path, double deadline, struct em_error *err)
{
	if (!em_lock_wait(fd, deadline, NULL))
		return 0;
	if (errno != EWOULDBLOCK)
		return em_error_errno(err, "cannot lock '%s'", path);
	return em_error_set(err, EM_ERROR_UNREACHABLE, "'%s' is locked by another process for %g s", path, deadline);
}

/* ---- reading and writing ---- */

static int read_slots(int fd, const char *path, unsigned char bytes[2 * SLOT], size_t *n, struct em_error *err)
{
	*n = 0;
	while (*n < 2 * SLOT) {
		ssize_t got = pread(fd, bytes + *n, 2 * SLOT - *n, (off_t)*n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return em_error_errno(err, "cannot read '%s'", path);
		if (!got)
			break;
		*n += (size_t)got;
	}
	return 0;
}

/* The first write goes to the second slot: a file that ends within it, and has nothing before it, was never begun.
 * Any other one may be somebody's. */
static bool is_unbegun(const unsigned char *bytes, size_t n)
{
	size_t first = n < SLOT ? n : SLOT, magic = n - first < sizeof(MAGIC) ? n - first : sizeof(MAGIC);

	for (size_t i = 0; i < first; i++)
		if (bytes[i])
			return false;
	return n < SLOT + sizeof(struct slot) && !memcmp(bytes + first, MAGIC, magic);
}

static int read_state(struct em_sim_store *st, struct em_sim_state *s, bool *fresh, struct em_error *err)
{
	unsigned char bytes[2 * SLOT] = {0};
	struct slot slot, best = {.count = 0};
	size_t n;

	if (read_slots(st->fd, st->path, bytes, &n, err))
		return -1;
	for (uint64_t i = 0; i < 2; i++) {
		memcpy(&slot, bytes + i * SLOT, sizeof(slot));
		if (slot_is_whole(&slot, i) && slot.count > best.count)
			best = slot;
	}
	st->count = best.count;
	*fresh = !best.count && is_unbegun(bytes, n);
	if (*fresh)
		return 0;
	if (!best.count)
		return em_error_set(err, EM_ERROR_DATA,
		                    "'%s' is no simulator's state, or another version's: name another "
		                    "file, or remove it to begin anew",
		                    st->path);
	if (em_sim_state_check(&best.state, err))
		return em_error_prefix(err, "'%s': ", st->path);
	*s = best.state;
	return 0;
}

int em_sim_store_open(struct em_sim_store *st, double deadline, struct em_sim_state *s, bool *fresh,
                      struct em_error *err)
{
	if (!st->path) {
		*fresh = !st->has_own;
		if (st->has_own)
			*s = st->own;
		return 0;
	}
	st->fd = open(st->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (st->fd < 0)
		return em_error_errno(err, "cannot open the simulator's state '%s'", st->path);
	if (take_lock(st->fd, st->path, deadline, err) || read_state(st, s, fresh, err)) {
		em_sim_store_close(st);
		return -1;
	}
	return 0;
}

int em_sim_store_write(struct em_sim_store *st, const struct em_sim_state *s, struct em_error *err)
{
	struct slot slot;
	ssize_t n;

	if (!st->path) {
		st->own = *s;
		st->has_own = true;
		return 0;
	}
	memset(&slot, 0, sizeof(slot));
	memcpy(slot.magic, MAGIC, sizeof(slot.magic));
	slot.count = st->count + 1;
	slot.size = sizeof(slot.state);
	slot.state = *s;
	make_digest(&slot, slot.digest);
	do
		n = pwrite(st->fd, &slot, sizeof(slot), (off_t)(slot.count % 2 * SLOT));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return em_error_errno(err, "cannot write '%s'", st->path);
	if ((size_t)n != sizeof(slot))
		return em_error_set(err, EM_ERROR_IO, "cannot write '%s': the disc is full", st->path);
	st->count++;
	return 0;
}

void em_sim_store_close(struct em_sim_store *st)
{
	if (st->fd >= 0)
		close(st->fd);
	st->fd = -1;
}
