#include "serve/workers.h"

#include "base/clock.h"
#include "base/memory.h"

#include <pthread.h>

struct tw_workers {
    struct tw_workers_options options;
    pthread_mutex_t lock; /* guards the queue: first, last, count, is_ending */
    pthread_cond_t has_work;
    struct tw_photo *first, *last;
    size_t count; /* photos taken and not answered yet */
    bool is_ending;
    int started;
    pthread_t threads[];
};

struct thread {
    struct tw_workers *workers;
    int index;
};

/* NULL: the queue is empty and no more will come. */
static struct tw_photo *next_photo(struct tw_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    while (!workers->first && !workers->is_ending)
        pthread_cond_wait(&workers->has_work, &workers->lock);
    struct tw_photo *photo = workers->first;
    if (photo) {
        workers->first = photo->next;
        if (!workers->first)
            workers->last = NULL;
    }
    pthread_mutex_unlock(&workers->lock);
    return photo;
}

static void answer(struct tw_workers *workers, int worker, struct tw_photo *photo)
{
    struct tw_call *call = photo->call;
    double now = tw_clock_seconds();
    if (call->deadline_s > 0 && now > call->deadline_s) {
        photo->answer.status = TW_INTERRUPTED;
        photo->answer.reason = tw_strdup("it waited longer than the request may take");
    } else {
        tw_served_answer(call->served, worker, photo->bytes, call->nearest, &photo->answer);
    }
    pthread_mutex_lock(&workers->lock);
    workers->count--;
    pthread_mutex_unlock(&workers->lock);
    if (atomic_fetch_sub(&call->left, 1) == 1) {
        call->finished_s = tw_clock_seconds();
        call->done(call);
    }
}

static void *work(void *context)
{
    struct thread thread = *(struct thread *)context;
    struct tw_photo *photo;
    tw_free(context);
    while ((photo = next_photo(thread.workers)))
        answer(thread.workers, thread.index, photo);
    return NULL;
}

enum tw_status tw_workers_new(const struct tw_workers_options *options, struct tw_workers **workers,
                              struct tw_error *error)
{
    struct tw_workers *made = tw_alloc(1, sizeof *made + (size_t)options->threads * sizeof made->threads[0]);
    if (!made)
        return tw_fail_memory(error, sizeof *made, "the workers");
    made->options = *options;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->has_work, NULL);
    for (; made->started < options->threads; made->started++) {
        struct thread *thread = tw_alloc(1, sizeof *thread);
        if (thread)
            *thread = (struct thread){made, made->started};
        if (!thread || pthread_create(&made->threads[made->started], NULL, work, thread)) {
            tw_free(thread);
            tw_workers_free(made);
            return tw_fail(error, TW_IO, "cannot start thread %d of %d", made->started + 1, options->threads);
        }
    }
    *workers = made;
    return TW_OK;
}

enum tw_status tw_workers_submit(struct tw_workers *workers, struct tw_call *call, struct tw_error *error)
{
    atomic_init(&call->left, call->count);
    call->started_s = tw_clock_seconds();
    for (size_t i = 0; i < call->count; i++) {
        call->photos[i].call = call;
        call->photos[i].next = i + 1 < call->count ? &call->photos[i + 1] : NULL;
    }
    pthread_mutex_lock(&workers->lock);
    size_t room = workers->options.most_photos - workers->count;
    bool is_taken = call->count <= room && !workers->is_ending;
    if (is_taken) {
        if (workers->last)
            workers->last->next = call->photos;
        else
            workers->first = call->photos;
        workers->last = &call->photos[call->count - 1];
        workers->count += call->count;
        if (call->count > 1)
            pthread_cond_broadcast(&workers->has_work);
        else
            pthread_cond_signal(&workers->has_work);
    }
    pthread_mutex_unlock(&workers->lock);
    return is_taken ? TW_OK
                    : tw_fail(error, TW_LIMIT, "%zu photos come, and the queue has room for %zu of its %zu now",
                              call->count, room, workers->options.most_photos);
}

size_t tw_workers_waiting(struct tw_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    size_t count = workers->count;
    pthread_mutex_unlock(&workers->lock);
    return count;
}

size_t tw_workers_room(const struct tw_workers *workers)
{
    return workers->options.most_photos;
}

void tw_workers_close(struct tw_workers *workers)
{
    if (!workers)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->is_ending = true;
    pthread_cond_broadcast(&workers->has_work);
    pthread_mutex_unlock(&workers->lock);
    for (; workers->started > 0; workers->started--)
        pthread_join(workers->threads[workers->started - 1], NULL);
}

void tw_workers_free(struct tw_workers *workers)
{
    if (!workers)
        return;
    tw_workers_close(workers);
    pthread_cond_destroy(&workers->has_work);
    pthread_mutex_destroy(&workers->lock);
    tw_free(workers);
}
