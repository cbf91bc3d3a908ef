#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void alloc_gives_zeroed_memory_and_a_block_for_nothing(void **state)
{
    (void)state;
    uint8_t *block = tw_alloc(100, 3);
    assert_non_null(block);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(block[i], 0);
    tw_free(block);
    void *empty = tw_alloc(0, 8);
    assert_non_null(empty);
    tw_free(empty);
    tw_free(NULL);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    struct tw_arena arena = {0};
    volatile size_t most = SIZE_MAX; /* or the compiler warns of what is meant here */
    assert_null(tw_alloc(most / 2, 3));
    assert_null(tw_realloc(NULL, most / 2, 3));
    assert_null(tw_alloc_aligned(most - 3));
    assert_null(tw_strndup("x", most));
    assert_null(tw_arena_alloc(&arena, most / 2, 3));
    assert_null(tw_arena_alloc(&arena, most, 1));
    assert_null(tw_arena_strndup(&arena, "x", most));
    assert_int_equal(arena.used_bytes, 0);
    tw_arena_release(&arena);
}

static void aligned_blocks_lie_on_64_bytes(void **state)
{
    (void)state;
    for (size_t size = 0; size < 300; size += 37) {
        void *block = tw_alloc_aligned(size);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 64, 0);
        memset(block, 1, size);
        tw_free(block);
    }
}

static void the_nth_allocation_fails_once(void **state)
{
    (void)state;
    tw_memory_fail_at(2);
    void *first = tw_alloc(1, 1), *second = tw_alloc(1, 1), *third = tw_alloc(1, 1);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    tw_free(first);
    tw_free(third);
}

static void every_kind_of_allocation_can_be_made_to_fail(void **state)
{
    (void)state;
    struct tw_arena arena = {0};
    char *kept = tw_strdup("kept");
    assert_non_null(kept);
    tw_memory_fail_at(1);
    assert_null(tw_alloc(1, 1));
    tw_memory_fail_at(1);
    assert_null(tw_realloc(kept, 100, 1));
    tw_memory_fail_at(1);
    assert_null(tw_alloc_aligned(1));
    tw_memory_fail_at(1);
    assert_null(tw_strdup("x"));
    tw_memory_fail_at(1);
    assert_null(tw_format("%d", 1));
    tw_memory_fail_at(1);
    assert_null(tw_arena_alloc(&arena, 1, 1));
    tw_memory_fail_at(0);
    assert_string_equal(kept, "kept");
    assert_null(arena.head);
    tw_free(kept);
}

static void texts_are_copied_with_their_zero(void **state)
{
    (void)state;
    char *whole = tw_strdup("flower"), *part = tw_strndup("flower", 3), *made = tw_format("%s-%05d", "train", 7);
    assert_string_equal(whole, "flower");
    assert_string_equal(part, "flo");
    assert_string_equal(made, "train-00007");
    tw_free(whole);
    tw_free(part);
    tw_free(made);
}

static void grow_doubles_and_keeps_the_items(void **state)
{
    (void)state;
    uint32_t *items = NULL;
    size_t capacity = 0;
    assert_int_equal(tw_grow((void **)&items, &capacity, 1, sizeof *items, NULL), TW_OK);
    size_t first = capacity;
    assert_true(first >= 1);
    for (size_t i = 0; i < first; i++)
        items[i] = (uint32_t)i;
    assert_int_equal(tw_grow((void **)&items, &capacity, first, sizeof *items, NULL), TW_OK);
    assert_int_equal(capacity, first);
    assert_int_equal(tw_grow((void **)&items, &capacity, first + 1, sizeof *items, NULL), TW_OK);
    assert_int_equal(capacity, 2 * first);
    for (size_t i = 0; i < first; i++)
        assert_int_equal(items[i], i);
    tw_free(items);
}

static void grow_that_fails_leaves_the_list_as_it_was(void **state)
{
    (void)state;
    uint32_t *items = NULL;
    size_t capacity = 0;
    struct tw_error error = {0};
    assert_int_equal(tw_grow((void **)&items, &capacity, 4, sizeof *items, NULL), TW_OK);
    uint32_t *before = items;
    size_t had = capacity;
    tw_memory_fail_at(1);
    assert_int_equal(tw_grow((void **)&items, &capacity, 1000, sizeof *items, &error), TW_NO_MEMORY);
    tw_memory_fail_at(0);
    assert_int_equal(error.status, TW_NO_MEMORY);
    assert_int_equal(tw_grow((void **)&items, &capacity, SIZE_MAX, sizeof *items, NULL), TW_NO_MEMORY);
    assert_int_equal(tw_grow((void **)&items, &capacity, SIZE_MAX / 3, sizeof *items, NULL), TW_NO_MEMORY);
    assert_ptr_equal(items, before);
    assert_int_equal(capacity, had);
    tw_free(items);
}

static void arena_gives_aligned_zeroed_pieces_that_do_not_overlap(void **state)
{
    (void)state;
    struct tw_arena arena = {0};
    uint8_t *pieces[200];
    for (size_t i = 0; i < 200; i++) {
        size_t size = i == 100 ? 200000 : i + 1; /* one is greater than a block */
        pieces[i] = tw_arena_alloc(&arena, size, 1);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)i, size);
    }
    for (size_t i = 0; i < 200; i++)
        assert_true(pieces[i][0] == i && pieces[i][i == 100 ? 199999 : i] == i);
    assert_true(arena.used_bytes >= 200000);
    char *text = tw_arena_strndup(&arena, "flower", 3);
    assert_string_equal(text, "flo");
    tw_arena_release(&arena);
    assert_null(arena.head);
    assert_int_equal(arena.used_bytes, 0);
    tw_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc_gives_zeroed_memory_and_a_block_for_nothing),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(aligned_blocks_lie_on_64_bytes),
        cmocka_unit_test(the_nth_allocation_fails_once),
        cmocka_unit_test(every_kind_of_allocation_can_be_made_to_fail),
        cmocka_unit_test(texts_are_copied_with_their_zero),
        cmocka_unit_test(grow_doubles_and_keeps_the_items),
        cmocka_unit_test(grow_that_fails_leaves_the_list_as_it_was),
        cmocka_unit_test(arena_gives_aligned_zeroed_pieces_that_do_not_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
