/* Memory for weights and scratch, in huge pages where the system gives them: a run streams through all weights, and with small
 * pages waits for the translation of addresses. Blocks die together. Zero-initialise; release accepts the zero state. */
#ifndef TW_ENGINE_PAGES_H
#define TW_ENGINE_PAGES_H

#include <stddef.h>
#include <stdint.h>

struct tw_chunk;
struct tw_pages {
    struct tw_chunk *last; /* owned; each points to the one before */
};
/* 64-byte aligned, not zeroed; NULL when it cannot be had. */
void *tw_pages_take(struct tw_pages *pages, size_t bytes);
void tw_pages_release(struct tw_pages *pages);

#endif
