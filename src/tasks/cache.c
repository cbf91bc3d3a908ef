#include "tasks/cache.h"

#include "base/memory.h"
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char header[16] = "topwork cache 1\n";
enum { ENTRY_MAGIC = 0x62777474, ENTRY_HEAD = 12 + TW_DIGEST_BYTES, MAX_PAYLOAD = 256 << 20 };

struct slot {
    struct tw_digest key;
    uint64_t offset; /* of the entry; 0: empty slot */
    uint32_t size;   /* of the payload */
};

struct tw_cache {
    int file;
    char *path;
    pthread_mutex_t lock; /* guards all that follows */
    uint64_t end;         /* of the last whole entry that is indexed */
    struct slot *slots;   /* open addressing, a power of two */
    size_t slot_count, used;
};

char *tw_cache_folder(void)
{
    const char *own = getenv("TOPWORK_CACHE"), *shared = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (own && *own)
        return tw_strdup(own);
    if (shared && *shared)
        return tw_uri_join(shared, "topwork");
    return home && *home ? tw_uri_join(home, ".cache/topwork") : NULL;
}

static bool read_fully(int file, void *data, size_t size, uint64_t offset)
{
    uint8_t *at = data;
    while (size) {
        ssize_t got = pread(file, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

static int write_fully(int file, const void *data, size_t size, uint64_t offset)
{
    const uint8_t *at = data;
    while (size) {
        ssize_t put = pwrite(file, at, size, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put < 0 ? errno : ENOSPC;
        at += put;
        offset += (uint64_t)put;
        size -= (size_t)put;
    }
    return 0;
}

static struct slot *find_slot(struct tw_cache *cache, const struct tw_digest *key)
{
    size_t mask = cache->slot_count - 1, at = (size_t)tw_load_u64le(key->bytes) & mask;
    while (cache->slots[at].offset && !tw_digest_equal(&cache->slots[at].key, key))
        at = (at + 1) & mask;
    return &cache->slots[at];
}

static bool grow_index(struct tw_cache *cache)
{
    if (cache->slots && (cache->used + 1) * 2 <= cache->slot_count)
        return true;
    size_t old_count = cache->slot_count, count = old_count ? old_count * 2 : 1024;
    struct slot *old = cache->slots, *slots = tw_alloc(count, sizeof *slots);
    if (!slots)
        return false;
    cache->slots = slots;
    cache->slot_count = count;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].offset)
            *find_slot(cache, &old[i].key) = old[i];
    }
    tw_free(old);
    return true;
}

static bool index_entry(struct tw_cache *cache, const struct tw_digest *key, uint64_t offset, uint32_t size)
{
    if (!grow_index(cache))
        return false;
    struct slot *slot = find_slot(cache, key);
    cache->used += slot->offset == 0;
    *slot = (struct slot){*key, offset, size};
    return true;
}

/* Indexes whole entries from `end` on; stops at the end of the file or at what is torn. */
static enum tw_status scan(struct tw_cache *cache, struct tw_error *error)
{
    struct stat info;
    if (fstat(cache->file, &info))
        return tw_fail_errno(error, errno, "cannot look at", cache->path);
    uint64_t size = (uint64_t)info.st_size;
    while (size - cache->end >= ENTRY_HEAD) {
        uint8_t head[ENTRY_HEAD];
        if (!read_fully(cache->file, head, sizeof head, cache->end) || tw_load_u32le(head) != ENTRY_MAGIC)
            break;
        uint32_t payload = tw_load_u32le(head + 8);
        if (payload > MAX_PAYLOAD || payload > size - cache->end - ENTRY_HEAD)
            break;
        struct tw_digest key;
        memcpy(key.bytes, head + 12, TW_DIGEST_BYTES);
        if (!index_entry(cache, &key, cache->end, payload))
            return tw_fail_memory(error, cache->slot_count * sizeof(struct slot), "the cache's index");
        cache->end += ENTRY_HEAD + payload;
    }
    return TW_OK;
}

static enum tw_status check_header(struct tw_cache *cache, struct tw_error *error)
{
    char found[sizeof header];
    struct stat info;
    if (fstat(cache->file, &info))
        return tw_fail_errno(error, errno, "cannot look at", cache->path);
    if ((uint64_t)info.st_size < sizeof header) {
        int failed = ftruncate(cache->file, 0) ? errno : write_fully(cache->file, header, sizeof header, 0);
        if (failed)
            return tw_fail(error, TW_IO, "cannot write the cache %s: %s", cache->path, strerror(failed));
    } else if (!read_fully(cache->file, found, sizeof found, 0) || memcmp(found, header, sizeof header) != 0) {
        return tw_fail(error, TW_CONFLICT, "%s is not a cache of this version of topwork", cache->path);
    }
    cache->end = sizeof header;
    return TW_OK;
}

enum tw_status tw_cache_open(const char *path, struct tw_cache **cache, struct tw_error *error)
{
    struct tw_cache *made = tw_alloc(1, sizeof *made);
    char *folder = tw_strndup(path, strrchr(path, '/') ? (size_t)(strrchr(path, '/') - path) : 0);
    enum tw_status status = TW_OK;
    if (!made || !folder || !(made->path = tw_strdup(path))) {
        tw_free(made);
        tw_free(folder);
        return tw_fail_memory(error, sizeof *made, "the cache");
    }
    made->file = -1;
    pthread_mutex_init(&made->lock, NULL);
    if (*folder)
        status = tw_storage_make_folders(folder, error);
    if (!status) {
        made->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (made->file < 0)
            status = tw_fail(error, TW_IO, "cannot open the cache %s: %s", path, strerror(errno));
    }
    if (!status) {
        flock(made->file, LOCK_EX);
        status = check_header(made, error);
        if (!status)
            status = scan(made, error);
        flock(made->file, LOCK_UN);
    }
    tw_free(folder);
    if (status) {
        tw_cache_free(made);
        return status;
    }
    *cache = made;
    return TW_OK;
}

void tw_cache_free(struct tw_cache *cache)
{
    if (!cache)
        return;
    if (cache->file >= 0)
        close(cache->file);
    pthread_mutex_destroy(&cache->lock);
    tw_free(cache->slots);
    tw_free(cache->path);
    tw_free(cache);
}

static bool read_entry(struct tw_cache *cache, const struct slot *slot, struct tw_buffer *payload)
{
    uint8_t head[ENTRY_HEAD];
    tw_buffer_clear(payload);
    if (tw_buffer_reserve(payload, slot->size, NULL) || !read_fully(cache->file, head, sizeof head, slot->offset) ||
        !read_fully(cache->file, payload->data, slot->size, slot->offset + ENTRY_HEAD))
        return false;
    uint32_t crc = tw_crc32c(tw_crc32c(0, head + 8, ENTRY_HEAD - 8), payload->data, slot->size);
    payload->size = slot->size;
    return tw_load_u32le(head + 4) == tw_crc32c_mask(crc) && memcmp(head + 12, slot->key.bytes, TW_DIGEST_BYTES) == 0;
}

bool tw_cache_get(struct tw_cache *cache, const struct tw_digest *key, struct tw_buffer *payload)
{
    pthread_mutex_lock(&cache->lock);
    struct slot found = {0};
    if (cache->slots)
        found = *find_slot(cache, key);
    pthread_mutex_unlock(&cache->lock);
    if (!found.offset)
        return false;
    return !payload || read_entry(cache, &found, payload);
}

static enum tw_status append(struct tw_cache *cache, const struct tw_digest *key, struct tw_span entry,
                             struct tw_error *error)
{
    enum tw_status status = scan(cache, error); /* what other processes appended meanwhile */
    if (status)
        return status;
    int failed = ftruncate(cache->file, (off_t)cache->end) ? errno : 0;
    if (!failed)
        failed = write_fully(cache->file, entry.data, entry.size, cache->end);
    if (failed)
        return tw_fail(error, TW_IO, "cannot write the cache %s: %s", cache->path, strerror(failed));
    if (!index_entry(cache, key, cache->end, (uint32_t)(entry.size - ENTRY_HEAD)))
        return tw_fail_memory(error, cache->slot_count * sizeof(struct slot), "the cache's index");
    cache->end += entry.size;
    return TW_OK;
}

enum tw_status tw_cache_put(struct tw_cache *cache, const struct tw_digest *key, struct tw_span payload,
                            struct tw_error *error)
{
    if (payload.size > MAX_PAYLOAD)
        return tw_fail(error, TW_LIMIT, "a cache entry of %zu bytes is over the limit of %d", payload.size,
                       MAX_PAYLOAD);
    struct tw_buffer entry = {0};
    enum tw_status status = tw_buffer_reserve(&entry, ENTRY_HEAD + payload.size, error);
    if (status)
        return status;
    tw_store_u32le(entry.data, ENTRY_MAGIC);
    tw_store_u32le(entry.data + 8, (uint32_t)payload.size);
    memcpy(entry.data + 12, key->bytes, TW_DIGEST_BYTES);
    if (payload.size)
        memcpy(entry.data + ENTRY_HEAD, payload.data, payload.size);
    entry.size = ENTRY_HEAD + payload.size;
    tw_store_u32le(entry.data + 4, tw_crc32c_mask(tw_crc32c(0, entry.data + 8, entry.size - 8)));
    pthread_mutex_lock(&cache->lock);
    flock(cache->file, LOCK_EX);
    status = append(cache, key, tw_buffer_span(&entry), error);
    flock(cache->file, LOCK_UN);
    pthread_mutex_unlock(&cache->lock);
    tw_buffer_release(&entry);
    return status;
}

enum tw_status tw_cache_sync(struct tw_cache *cache, struct tw_error *error)
{
    if (fdatasync(cache->file) && errno != EINVAL)
        return tw_fail(error, TW_IO, "cannot sync the cache %s: %s", cache->path, strerror(errno));
    return TW_OK;
}

size_t tw_cache_count(struct tw_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    size_t count = cache->used;
    pthread_mutex_unlock(&cache->lock);
    return count;
}
