#include "engine/pages.h"

#include "base/memory.h"

#include <sys/mman.h>

enum { HUGE_BYTES = 2 << 20, CHUNK_BYTES = 32 << 20, ALIGNMENT = 64 };

struct tw_chunk {
    struct tw_chunk *before;
    void *mapping; /* owned; NULL: `begin` is a heap block */
    size_t mapping_bytes;
    uint8_t *begin;
    size_t bytes, used;
};

#ifdef __SANITIZE_ADDRESS__
enum { IS_CHECKED = 1 }; /* a heap block each, so that the sanitizer sees its ends */
#else
enum { IS_CHECKED = 0 };
#endif

static bool fill_chunk(struct tw_chunk *chunk, size_t bytes)
{
    if (IS_CHECKED) {
        chunk->bytes = bytes;
        chunk->begin = tw_alloc_aligned(bytes);
        return chunk->begin != NULL;
    }
    chunk->bytes = bytes > CHUNK_BYTES ? (bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES : CHUNK_BYTES;
    chunk->mapping_bytes = chunk->bytes + HUGE_BYTES;
    void *mapping = mmap(NULL, chunk->mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        return false;
    chunk->mapping = mapping;
    chunk->begin = (uint8_t *)mapping + (HUGE_BYTES - (uintptr_t)mapping % HUGE_BYTES) % HUGE_BYTES;
    (void)madvise(chunk->begin, chunk->bytes, MADV_HUGEPAGE); /* a wish: small pages do as well */
    return true;
}

void *tw_pages_take(struct tw_pages *pages, size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct tw_chunk *last = pages->last;
    if (last == NULL || IS_CHECKED || last->bytes - last->used < rounded) {
        struct tw_chunk *made = tw_alloc(1, sizeof *made);
        if (made == NULL || !fill_chunk(made, rounded > 0 ? rounded : ALIGNMENT)) {
            tw_free(made);
            return NULL;
        }
        made->before = last;
        pages->last = last = made;
    }
    void *block = last->begin + last->used;
    last->used += rounded;
    return block;
}

void tw_pages_release(struct tw_pages *pages)
{
    while (pages->last != NULL) {
        struct tw_chunk *chunk = pages->last;
        pages->last = chunk->before;
        if (chunk->mapping != NULL)
            munmap(chunk->mapping, chunk->mapping_bytes);
        else
            tw_free(chunk->begin);
        tw_free(chunk);
    }
}
