#include "base/memory.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK_BYTES = 64 * 1024, ARENA_ALIGN = 16, TENSOR_ALIGN = 64 };

/* The one switch of the library that is global: tests count allocations down to a failure. */
static atomic_uint_least64_t failing_allocation;

void tw_memory_fail_at(uint64_t n)
{
    atomic_store(&failing_allocation, n);
}

static bool allocation_must_fail(void)
{
    uint_least64_t left = atomic_load_explicit(&failing_allocation, memory_order_relaxed);
    if (left == 0)
        return false;
    return atomic_fetch_sub(&failing_allocation, 1) == 1;
}

void *tw_alloc(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || allocation_must_fail())
        return NULL;
    return calloc(count ? count : 1, size ? size : 1);
}

void *tw_realloc(void *block, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || allocation_must_fail())
        return NULL;
    return realloc(block, total ? total : 1);
}

void *tw_alloc_aligned(size_t size_bytes)
{
    if (size_bytes > SIZE_MAX - TENSOR_ALIGN || allocation_must_fail())
        return NULL;
    size_t rounded = (size_bytes + TENSOR_ALIGN - 1) / TENSOR_ALIGN * TENSOR_ALIGN;
    return aligned_alloc(TENSOR_ALIGN, rounded ? rounded : TENSOR_ALIGN);
}

char *tw_strndup(const char *text, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *copy = tw_alloc(length + 1, 1);
    if (copy && length > 0)
        memcpy(copy, text, length);
    return copy;
}

char *tw_strdup(const char *text)
{
    return tw_strndup(text, strlen(text));
}

char *tw_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = length < 0 ? NULL : tw_alloc((size_t)length + 1, 1);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

void tw_free(void *block)
{
    free(block);
}

enum tw_status tw_grow(void **items, size_t *capacity, size_t needed, size_t item_size, struct tw_error *error)
{
    if (needed <= *capacity)
        return TW_OK;
    size_t wanted = *capacity ? *capacity : 8;
    while (wanted < needed) {
        if (__builtin_mul_overflow(wanted, (size_t)2, &wanted))
            return tw_fail_memory(error, needed, "a growing list");
    }
    void *grown = tw_realloc(*items, wanted, item_size);
    if (!grown)
        return tw_fail_memory(error, wanted, "a growing list");
    *items = grown;
    *capacity = wanted;
    return TW_OK;
}

struct tw_arena_block {
    struct tw_arena_block *next;
    size_t size_bytes;
    size_t used_bytes;
    _Alignas(ARENA_ALIGN) unsigned char data[];
};

void *tw_arena_alloc(struct tw_arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || total > SIZE_MAX / 2)
        return NULL;
    total = (total + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    struct tw_arena_block *block = arena->head;
    if (!block || block->size_bytes - block->used_bytes < total) {
        size_t room = total > ARENA_BLOCK_BYTES ? total : ARENA_BLOCK_BYTES;
        block = tw_alloc(1, sizeof *block + room);
        if (!block)
            return NULL;
        block->size_bytes = room;
        block->next = arena->head;
        arena->head = block;
    }
    void *at = block->data + block->used_bytes;
    block->used_bytes += total;
    arena->used_bytes += total;
    return at;
}

char *tw_arena_strndup(struct tw_arena *arena, const char *text, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *copy = tw_arena_alloc(arena, length + 1, 1);
    if (copy && length > 0)
        memcpy(copy, text, length);
    return copy;
}

void tw_arena_release(struct tw_arena *arena)
{
    struct tw_arena_block *block = arena->head;
    while (block) {
        struct tw_arena_block *next = block->next;
        tw_free(block);
        block = next;
    }
    *arena = (struct tw_arena){0};
}
