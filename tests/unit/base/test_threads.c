#include "base/threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sched.h>
#include <time.h>

#include <cmocka.h>

#include "base/memory.h"

static void queue_gives_items_in_order_and_drains_after_close(void **state)
{
    (void)state;
    struct tw_queue *queue;
    int items[3];
    assert_int_equal(tw_queue_new(3, &queue, NULL), TW_OK);
    for (int round = 0; round < 5; round++) { /* more than once round its ring */
        assert_true(tw_queue_push(queue, &items[0]));
        assert_true(tw_queue_push(queue, &items[1]));
        assert_ptr_equal(tw_queue_pop(queue), &items[0]);
        assert_ptr_equal(tw_queue_pop(queue), &items[1]);
    }
    assert_true(tw_queue_push(queue, &items[2]));
    tw_queue_close(queue);
    assert_false(tw_queue_push(queue, &items[0]));
    assert_ptr_equal(tw_queue_pop(queue), &items[2]);
    assert_null(tw_queue_pop(queue));
    tw_queue_free(queue);
    tw_queue_free(NULL);
}

static void queue_of_no_items_and_failing_memory_are_refused(void **state)
{
    (void)state;
    struct tw_queue *queue = NULL;
    assert_int_equal(tw_queue_new(0, &queue, NULL), TW_INVALID);
    assert_int_equal(tw_queue_new(SIZE_MAX, &queue, NULL), TW_INVALID);
    tw_memory_fail_at(1);
    assert_int_equal(tw_queue_new(4, &queue, NULL), TW_NO_MEMORY);
    tw_memory_fail_at(0);
    assert_null(queue);
}

enum { ITEMS = 2000, PEOPLE = 3 };

struct exchange {
    struct tw_queue *queue;
    atomic_int seen[PEOPLE * ITEMS + 1];
};
struct producer {
    struct exchange *exchange;
    intptr_t first;
    pthread_t thread;
};

static void *produce(void *argument)
{
    struct producer *producer = argument;
    for (intptr_t i = 0; i < ITEMS; i++) {
        if (!tw_queue_push(producer->exchange->queue, (void *)(producer->first + i)))
            return argument;
    }
    return NULL;
}

static void *consume(void *argument)
{
    struct exchange *exchange = argument;
    for (void *item; (item = tw_queue_pop(exchange->queue));)
        atomic_fetch_add(&exchange->seen[(intptr_t)item], 1);
    return NULL;
}

static void many_producers_and_consumers_pass_every_item_once(void **state)
{
    (void)state;
    static struct exchange exchange;
    struct producer producers[PEOPLE];
    pthread_t consumers[PEOPLE];
    assert_int_equal(tw_queue_new(4, &exchange.queue, NULL), TW_OK);
    for (int i = 0; i < PEOPLE; i++) {
        producers[i] = (struct producer){.exchange = &exchange, .first = 1 + i * ITEMS};
        assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
        assert_int_equal(pthread_create(&consumers[i], NULL, consume, &exchange), 0);
    }
    for (int i = 0; i < PEOPLE; i++) {
        void *refused;
        pthread_join(producers[i].thread, &refused);
        assert_null(refused);
    }
    tw_queue_close(exchange.queue);
    for (int i = 0; i < PEOPLE; i++)
        pthread_join(consumers[i], NULL);
    for (int i = 1; i <= PEOPLE * ITEMS; i++)
        assert_int_equal(exchange.seen[i], 1);
    tw_queue_free(exchange.queue);
}

struct full {
    struct tw_queue *queue;
    atomic_bool has_begun;
    bool was_taken;
};

static void *push_into_full(void *argument)
{
    struct full *full = argument;
    atomic_store(&full->has_begun, true);
    full->was_taken = tw_queue_push(full->queue, full);
    return NULL;
}

static void pause_until(atomic_bool *flag)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    while (!atomic_load(flag))
        nanosleep(&moment, NULL);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static void close_wakes_a_push_that_waits_for_room(void **state)
{
    (void)state;
    struct full full = {0};
    pthread_t thread;
    assert_int_equal(tw_queue_new(1, &full.queue, NULL), TW_OK);
    assert_true(tw_queue_push(full.queue, &thread));
    assert_int_equal(pthread_create(&thread, NULL, push_into_full, &full), 0);
    pause_until(&full.has_begun);
    tw_queue_close(full.queue);
    pthread_join(thread, NULL);
    assert_false(full.was_taken);
    assert_ptr_equal(tw_queue_pop(full.queue), &thread);
    assert_null(tw_queue_pop(full.queue));
    tw_queue_free(full.queue);
}

enum { COUNT = 500, THREADS = 4 };

struct tally {
    atomic_int times[COUNT];
    atomic_int highest_worker;
    atomic_bool is_late; /* the index that waits goes on */
};

static enum tw_status count_index(void *context, size_t index, int worker, struct tw_error *error)
{
    (void)error;
    struct tally *tally = context;
    atomic_fetch_add(&tally->times[index], 1);
    if (worker < 0 || worker >= THREADS) /* cmocka cannot fail a test from another thread */
        return TW_CORRUPT;
    int highest = atomic_load(&tally->highest_worker);
    while (worker > highest && !atomic_compare_exchange_weak(&tally->highest_worker, &highest, worker)) {
    }
    return TW_OK;
}

static void expect_all_once(const struct tally *tally, int times)
{
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(tally->times[i], times);
}

static void parallel_for_does_every_index_once(void **state)
{
    (void)state;
    struct tally tally = {0};
    int times = 0;
    for (int threads = -1; threads <= THREADS; threads++) {
        assert_int_equal(tw_parallel_for(threads, COUNT, count_index, &tally, NULL), TW_OK);
        expect_all_once(&tally, ++times);
    }
    assert_int_equal(tw_parallel_for(THREADS, 0, count_index, &tally, NULL), TW_OK);
    expect_all_once(&tally, times);
}

static enum tw_status note_order(void *context, size_t index, int worker, struct tw_error *error)
{
    (void)error;
    size_t *next = context;
    assert_int_equal(worker, 0);
    return *next == index ? (++*next, TW_OK) : TW_CORRUPT;
}

static void one_thread_takes_the_indices_in_order(void **state)
{
    (void)state;
    size_t next = 0;
    assert_int_equal(tw_parallel_for(1, COUNT, note_order, &next, NULL), TW_OK);
    assert_int_equal(next, COUNT);
}

/* Index 3 fails late, after a later index has failed: the answer must not hang on which was faster. */
static enum tw_status fail_at_3_after_5(void *context, size_t index, int worker, struct tw_error *error)
{
    (void)worker;
    struct tally *tally = context;
    atomic_fetch_add(&tally->times[index], 1);
    if (index == 3) {
        pause_until(&tally->is_late);
        return tw_fail(error, TW_LIMIT, "index 3");
    }
    if (index != 5)
        return TW_OK;
    enum tw_status status = tw_fail(error, TW_CORRUPT, "index 5");
    atomic_store(&tally->is_late, true);
    return status;
}

static void failure_of_the_lowest_index_is_returned_and_ends_the_loop(void **state)
{
    (void)state;
    struct tally tally = {0};
    struct tw_error error = {0};
    assert_int_equal(tw_parallel_for(2, COUNT, fail_at_3_after_5, &tally, &error), TW_LIMIT);
    assert_int_equal(error.status, TW_LIMIT);
    assert_string_equal(error.text, "index 3");
    assert_int_equal(tally.times[5], 1);
    assert_int_equal(tally.times[COUNT - 1], 0);
}

static enum tw_status fail_at_7(void *context, size_t index, int worker, struct tw_error *error)
{
    (void)worker;
    size_t *done = context;
    if (index == 7)
        return tw_fail(error, TW_IO, "index 7");
    ++*done;
    return TW_OK;
}

static void nothing_after_the_failure_is_begun(void **state)
{
    (void)state;
    size_t done = 0;
    assert_int_equal(tw_parallel_for(1, COUNT, fail_at_7, &done, NULL), TW_IO);
    assert_int_equal(done, 7);
}

static void loop_without_memory_does_nothing(void **state)
{
    (void)state;
    struct tally tally = {0};
    tw_memory_fail_at(1);
    assert_int_equal(tw_parallel_for(THREADS, COUNT, count_index, &tally, NULL), TW_NO_MEMORY);
    tw_memory_fail_at(0);
    expect_all_once(&tally, 0);
}

/* A stack greater than the address space: no thread can be started. */
static void loop_that_gets_no_threads_does_all_work_itself(void **state)
{
    (void)state;
    struct tally tally = {0};
    pthread_attr_t usual, vast;
    pthread_t thread;
    assert_int_equal(pthread_getattr_default_np(&usual), 0);
    assert_int_equal(pthread_getattr_default_np(&vast), 0);
    assert_int_equal(pthread_attr_setstacksize(&vast, (size_t)1 << 48), 0);
    assert_int_equal(pthread_setattr_default_np(&vast), 0);
    int started = pthread_create(&thread, NULL, consume, NULL);
    enum tw_status status = tw_parallel_for(THREADS, COUNT, count_index, &tally, NULL);
    assert_int_equal(pthread_setattr_default_np(&usual), 0);
    pthread_attr_destroy(&usual);
    pthread_attr_destroy(&vast);
    assert_int_not_equal(started, 0);
    assert_int_equal(status, TW_OK);
    assert_int_equal(tally.highest_worker, 0);
    expect_all_once(&tally, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_gives_items_in_order_and_drains_after_close),
        cmocka_unit_test(queue_of_no_items_and_failing_memory_are_refused),
        cmocka_unit_test(many_producers_and_consumers_pass_every_item_once),
        cmocka_unit_test(close_wakes_a_push_that_waits_for_room),
        cmocka_unit_test(parallel_for_does_every_index_once),
        cmocka_unit_test(one_thread_takes_the_indices_in_order),
        cmocka_unit_test(failure_of_the_lowest_index_is_returned_and_ends_the_loop),
        cmocka_unit_test(nothing_after_the_failure_is_begun),
        cmocka_unit_test(loop_without_memory_does_nothing),
        cmocka_unit_test(loop_that_gets_no_threads_does_all_work_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
