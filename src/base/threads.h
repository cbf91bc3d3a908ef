/* Threads: a bounded queue between them, and a loop spread over them. */
#ifndef TW_BASE_THREADS_H
#define TW_BASE_THREADS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* A bounded queue of pointers, many producers, many consumers. */
struct tw_queue;
enum tw_status tw_queue_new(size_t capacity, struct tw_queue **queue, struct tw_error *error) TW_MUST_USE;
/* Waits for room. False when the queue was closed: the item stays the caller's. */
bool tw_queue_push(struct tw_queue *queue, void *item);
/* Waits for an item. NULL when the queue is closed and drained. */
void *tw_queue_pop(struct tw_queue *queue);
/* No more pushes; pops go on until it is empty. */
void tw_queue_close(struct tw_queue *queue);
void tw_queue_free(struct tw_queue *queue); /* the items left are the caller's to drain before */

/* Calls work(context, i, worker) for every i in [0, count), on up to `threads` threads, worker in [0, threads).
 * Indices are handed out in order. Stops handing out at the first failure and returns that of the lowest index. */
typedef enum tw_status tw_parallel_work(void *context, size_t index, int worker, struct tw_error *error);
enum tw_status tw_parallel_for(int threads, size_t count, tw_parallel_work *work, void *context,
                               struct tw_error *error) TW_MUST_USE;

#endif
