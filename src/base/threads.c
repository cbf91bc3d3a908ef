#include "base/threads.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdint.h>

struct tw_queue {
    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t has_room, has_items;
    size_t capacity, first, count;
    bool is_closed;
    void *items[];
};

enum tw_status tw_queue_new(size_t capacity, struct tw_queue **queue, struct tw_error *error)
{
    if (capacity == 0 || capacity > SIZE_MAX / sizeof(void *) / 2)
        return tw_fail(error, TW_INVALID, "a queue cannot hold %zu items", capacity);
    struct tw_queue *made = tw_alloc(1, sizeof *made + capacity * sizeof(void *));
    if (!made)
        return tw_fail_memory(error, capacity * sizeof(void *), "a queue");
    made->capacity = capacity;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->has_room, NULL);
    pthread_cond_init(&made->has_items, NULL);
    *queue = made;
    return TW_OK;
}

bool tw_queue_push(struct tw_queue *queue, void *item)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->count == queue->capacity && !queue->is_closed)
        pthread_cond_wait(&queue->has_room, &queue->lock);
    bool is_open = !queue->is_closed;
    if (is_open) {
        queue->items[(queue->first + queue->count++) % queue->capacity] = item;
        pthread_cond_signal(&queue->has_items);
    }
    pthread_mutex_unlock(&queue->lock);
    return is_open;
}

void *tw_queue_pop(struct tw_queue *queue)
{
    void *item = NULL;
    pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && !queue->is_closed)
        pthread_cond_wait(&queue->has_items, &queue->lock);
    if (queue->count) {
        item = queue->items[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
        pthread_cond_signal(&queue->has_room);
    }
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void tw_queue_close(struct tw_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->is_closed = true;
    pthread_cond_broadcast(&queue->has_room);
    pthread_cond_broadcast(&queue->has_items);
    pthread_mutex_unlock(&queue->lock);
}

void tw_queue_free(struct tw_queue *queue)
{
    if (!queue)
        return;
    pthread_cond_destroy(&queue->has_items);
    pthread_cond_destroy(&queue->has_room);
    pthread_mutex_destroy(&queue->lock);
    tw_free(queue);
}

struct loop {
    tw_parallel_work *work;
    void *context;
    size_t count;
    pthread_mutex_t lock; /* guards next, failed_index, status, error */
    size_t next;
    size_t failed_index;
    enum tw_status status;
    struct tw_error error;
};

struct loop_worker {
    struct loop *loop;
    pthread_t thread;
    int number;
};

static bool take_index(struct loop *loop, size_t *index)
{
    pthread_mutex_lock(&loop->lock);
    bool has_work = !loop->status && loop->next < loop->count;
    if (has_work)
        *index = loop->next++;
    pthread_mutex_unlock(&loop->lock);
    return has_work;
}

static void *run_worker(void *argument)
{
    struct loop_worker *worker = argument;
    struct loop *loop = worker->loop;
    size_t index;
    while (take_index(loop, &index)) {
        struct tw_error error = {0};
        enum tw_status status = loop->work(loop->context, index, worker->number, &error);
        if (!status)
            continue;
        pthread_mutex_lock(&loop->lock);
        if (!loop->status || index < loop->failed_index) {
            loop->status = status;
            loop->failed_index = index;
            loop->error = error;
        }
        pthread_mutex_unlock(&loop->lock);
    }
    return NULL;
}

enum tw_status tw_parallel_for(int threads, size_t count, tw_parallel_work *work, void *context, struct tw_error *error)
{
    struct loop loop = {.work = work, .context = context, .count = count, .lock = PTHREAD_MUTEX_INITIALIZER};
    size_t wanted = threads < 1 ? 1 : (size_t)threads;
    if (wanted > count)
        wanted = count ? count : 1;
    struct loop_worker *workers = tw_alloc(wanted, sizeof *workers);
    if (!workers)
        return tw_fail_memory(error, wanted * sizeof *workers, "threads");
    size_t started = 1; /* the caller's own thread is worker 0 */
    for (; started < wanted; started++) {
        workers[started] = (struct loop_worker){.loop = &loop, .number = (int)started};
        if (pthread_create(&workers[started].thread, NULL, run_worker, &workers[started]))
            break; /* fewer threads do the same work */
    }
    workers[0] = (struct loop_worker){.loop = &loop, .number = 0};
    run_worker(&workers[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    tw_free(workers);
    pthread_mutex_destroy(&loop.lock);
    if (loop.status && error)
        *error = loop.error;
    return loop.status;
}
