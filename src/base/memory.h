/* Allocation that may fail, that is limited by checked arithmetic, and that tests can make fail. */
#ifndef TW_BASE_MEMORY_H
#define TW_BASE_MEMORY_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed memory for count * size bytes; NULL when it overflows or cannot be had. Free with tw_free. */
void *tw_alloc(size_t count, size_t size);
/* As realloc for count * size bytes; the old block stays valid on NULL. New bytes are not zeroed. */
void *tw_realloc(void *block, size_t count, size_t size);
/* 64-byte aligned, not zeroed: for tensors. Free with tw_free. */
void *tw_alloc_aligned(size_t size_bytes);
char *tw_strdup(const char *text);
char *tw_strndup(const char *text, size_t length);
/* As asprintf, NULL on failure. */
char *tw_format(const char *format, ...) TW_PRINTF(1, 2);
void tw_free(void *block);

/* Makes room for at least `needed` elements in a growing array: doubles. */
enum tw_status tw_grow(void **items, size_t *capacity, size_t needed, size_t item_size,
                       struct tw_error *error) TW_MUST_USE;

/* Tests: the n-th allocation from now fails (1 is the next); 0 turns it off. */
void tw_memory_fail_at(uint64_t n);

/* An arena for what dies together. Zero-initialise; release accepts the zero state. */
struct tw_arena_block;
struct tw_arena {
    struct tw_arena_block *head;
    size_t used_bytes; /* in all blocks */
};
/* Zeroed, 16-byte aligned; NULL when it cannot be had. */
void *tw_arena_alloc(struct tw_arena *arena, size_t count, size_t size);
char *tw_arena_strndup(struct tw_arena *arena, const char *text, size_t length);
void tw_arena_release(struct tw_arena *arena);

#endif
