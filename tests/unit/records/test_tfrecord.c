#include "records/tfrecord.h"

#include "base/memory.h"
#include "scratch.h"

#include <zlib.h>

static const char *const texts[] = {"first", "", "the third record, longer than the others"};
enum { TEXTS = 3 };

static void write_texts(const char *uri, enum tw_compression compression)
{
    struct tw_record_writer *writer;
    struct tw_error error = {0};
    assert_int_equal(tw_record_writer_open(uri, compression, &writer, &error), TW_OK);
    for (size_t i = 0; i < TEXTS; i++)
        assert_int_equal(tw_record_writer_add(writer, tw_span_of_text(texts[i]), &error), TW_OK);
    assert_int_equal(tw_record_writer_commit(writer, NULL, &error), TW_OK);
}

/* Reads to the end or the first failure; every record must be the text of its place. */
static enum tw_status read_texts(const char *uri, const struct tw_record_limits *limits, size_t *count,
                                 struct tw_error *error)
{
    struct tw_record_reader *reader = NULL;
    struct tw_span record;
    bool has_record = true;
    *count = 0;
    enum tw_status status = tw_record_reader_open(uri, limits, &reader, error);
    while (!status && has_record) {
        status = tw_record_reader_next(reader, &record, &has_record, error);
        if (status || !has_record)
            break;
        assert_true(tw_span_equal(record, tw_span_of_text(texts[*count % TEXTS])));
        ++*count;
    }
    tw_record_reader_free(reader);
    return status;
}

static void expect_texts(const char *uri, size_t wanted)
{
    size_t count;
    struct tw_error error = {0};
    if (read_texts(uri, &tw_record_limits_default, &count, &error))
        fail_msg("%s", error.text);
    assert_int_equal(count, wanted);
}

static void expect_refused(const char *uri, enum tw_status wanted, const char *words)
{
    size_t count;
    struct tw_error error = {0};
    assert_int_equal(read_texts(uri, &tw_record_limits_default, &count, &error), wanted);
    if (!strstr(error.text, words) || !strstr(error.text, uri))
        fail_msg("%s", error.text);
}

static void records_come_back_plain_and_gzip(void **state)
{
    (void)state;
    write_texts("plain", TW_PLAIN);
    write_texts("packed", TW_GZIP);
    expect_texts("plain", TEXTS);
    expect_texts("packed", TEXTS);
    size_t size;
    uint8_t *bytes = bytes_of("packed", &size);
    assert_memory_equal(bytes, "\x1f\x8b", 2);
    free(bytes);
}

static void stored_gzip_comes_back_and_holds_the_bytes_as_they_are(void **state)
{
    (void)state;
    size_t size, plain_size;
    write_texts("stored", TW_GZIP_STORED);
    write_texts("plain", TW_PLAIN);
    expect_texts("stored", TEXTS);
    uint8_t *bytes = bytes_of("stored", &size), *plain = bytes_of("plain", &plain_size);
    assert_memory_equal(bytes, "\x1f\x8b", 2);
    assert_non_null(memmem(bytes, size, plain, plain_size));
    free(bytes);
    free(plain);
}

static void frame_is_length_checksum_data_checksum(void **state)
{
    (void)state;
    struct tw_record_writer *writer;
    assert_int_equal(tw_record_writer_open("one", TW_PLAIN, &writer, NULL), TW_OK);
    assert_int_equal(tw_record_writer_add(writer, tw_span_of_text("123456789"), NULL), TW_OK);
    assert_int_equal(tw_record_writer_commit(writer, NULL, NULL), TW_OK);
    size_t size;
    uint8_t *bytes = bytes_of("one", &size);
    assert_int_equal(size, 12 + 9 + 4);
    assert_int_equal(tw_load_u64le(bytes), 9);
    assert_memory_equal(bytes + 12, "123456789", 9);
    /* CRC-32C of "123456789" is the check value 0xe3069283 of every list of CRCs; masked by hand. */
    assert_int_equal(tw_load_u32le(bytes + 21), (uint32_t)((0xe3069283u >> 15 | 0xe3069283u << 17) + 0xa282ead8u));
    free(bytes);
}

static void equal_records_give_equal_bytes_and_their_digest(void **state)
{
    (void)state;
    struct tw_digest digests[2], of_file;
    size_t size;
    for (int i = 0; i < 2; i++) {
        struct tw_record_writer *writer;
        assert_int_equal(tw_record_writer_open(i ? "b" : "a", TW_GZIP, &writer, NULL), TW_OK);
        assert_int_equal(tw_record_writer_add(writer, tw_span_of_text("same"), NULL), TW_OK);
        assert_int_equal(tw_record_writer_commit(writer, &digests[i], NULL), TW_OK);
    }
    assert_true(tw_digest_equal(&digests[0], &digests[1]));
    uint8_t *bytes = bytes_of("b", &size);
    assert_int_equal(tw_digest_of(tw_span_of(bytes, size), &of_file, NULL), TW_OK);
    assert_true(tw_digest_equal(&of_file, &digests[1]));
    free(bytes);
}

static void file_cut_anywhere_is_corrupt_but_at_a_record_boundary(void **state)
{
    (void)state;
    size_t size, boundary = 0, record = 0;
    write_texts("whole", TW_PLAIN);
    uint8_t *bytes = bytes_of("whole", &size);
    for (size_t cut = 0; cut < size; cut++) {
        put_bytes("cut", bytes, cut);
        if (cut == boundary) {
            expect_texts("cut", record);
            boundary += 16 + strlen(texts[record++]);
        } else {
            expect_refused("cut", TW_CORRUPT, "is cut");
        }
    }
    assert_int_equal(record, TEXTS);
    free(bytes);
}

static void gzip_cut_anywhere_is_corrupt(void **state)
{
    (void)state;
    size_t size, count;
    write_texts("whole", TW_GZIP);
    uint8_t *bytes = bytes_of("whole", &size);
    for (size_t cut = 1; cut < size; cut++) {
        struct tw_error error = {0};
        put_bytes("cut", bytes, cut);
        assert_int_equal(read_texts("cut", &tw_record_limits_default, &count, &error), TW_CORRUPT);
    }
    free(bytes);
}

static void every_flipped_bit_is_found(void **state)
{
    (void)state;
    size_t size;
    write_texts("whole", TW_PLAIN);
    uint8_t *bytes = bytes_of("whole", &size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        put_bytes("flipped", bytes, size);
        expect_refused("flipped", TW_CORRUPT, "wrong checksum");
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(bytes);
}

static void several_gzip_members_and_zero_padding_are_one_stream(void **state)
{
    (void)state;
    size_t size;
    static const uint8_t zeros[512];
    write_texts("whole", TW_GZIP);
    uint8_t *bytes = bytes_of("whole", &size);
    uint8_t *twice = malloc(2 * size + sizeof zeros);
    assert_non_null(twice);
    memcpy(twice, bytes, size);
    memcpy(twice + size, bytes, size);
    memcpy(twice + 2 * size, zeros, sizeof zeros);
    put_bytes("twice", twice, 2 * size);
    expect_texts("twice", 2 * TEXTS);
    put_bytes("padded", twice, 2 * size + sizeof zeros);
    expect_texts("padded", 2 * TEXTS);
    twice[2 * size + 100] = 'x';
    put_bytes("dirty", twice, 2 * size + sizeof zeros);
    expect_refused("dirty", TW_CORRUPT, "followed by bytes that are not gzip");
    free(twice);
    free(bytes);
}

/* A record's length and its checksum, and nothing behind. */
static void put_head(uint8_t *head, uint64_t length)
{
    tw_store_u64le(head, length);
    tw_store_u32le(head + 8, tw_crc32c_mask(tw_crc32c(0, head, 8)));
}

static void record_over_the_limit_is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {101, 1ull << 40, UINT64_MAX - 15, UINT64_MAX};
    const struct tw_record_limits limits = {.max_record_bytes = 100};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t head[12];
        size_t count;
        struct tw_error error = {0};
        put_head(head, lengths[i]);
        put_bytes("bomb", head, sizeof head);
        assert_int_equal(read_texts("bomb", &limits, &count, &error), TW_LIMIT);
        assert_non_null(strstr(error.text, "over the limit of 100"));
    }
}

static void gzip_bomb_ends_at_the_limit_of_its_record(void **state)
{
    (void)state;
    enum { ZEROS = 1 << 20 };
    uint8_t head[12], *zeros = calloc(ZEROS, 1);
    put_head(head, 64 * (uint64_t)ZEROS);
    gzFile bomb = gzopen("bomb", "wb9");
    assert_int_equal(gzwrite(bomb, head, sizeof head), sizeof head);
    for (int i = 0; i < 64; i++)
        assert_int_equal(gzwrite(bomb, zeros, ZEROS), ZEROS);
    assert_int_equal(gzclose(bomb), Z_OK);
    free(zeros);
    size_t count;
    struct tw_error error = {0};
    const struct tw_record_limits limits = {.max_record_bytes = ZEROS};
    assert_int_equal(read_texts("bomb", &limits, &count, &error), TW_LIMIT);
}

static void abandoned_shard_leaves_nothing_and_the_old_one_stays(void **state)
{
    (void)state;
    struct tw_record_writer *writer;
    write_texts("shard", TW_PLAIN);
    assert_int_equal(tw_record_writer_open("shard", TW_GZIP, &writer, NULL), TW_OK);
    assert_int_equal(tw_record_writer_add(writer, tw_span_of_text("new"), NULL), TW_OK);
    tw_record_writer_abandon(writer);
    tw_record_writer_abandon(NULL);
    expect_texts("shard", TEXTS);
    assert_int_equal(entries_of("."), 1);
}

static void missing_file_and_folder_are_named(void **state)
{
    (void)state;
    mkdir("folder", 0777);
    expect_refused("none", TW_NOT_FOUND, "cannot open none");
    expect_refused("folder", TW_UNSUPPORTED, "not a file");
    put_text("text", "this is no TFRecord file at all");
    expect_refused("text", TW_CORRUPT, "is no TFRecord file");
    put_text("empty", "");
    expect_texts("empty", 0);
}

static void failed_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    bool is_whole = false;
    for (uint64_t n = 1; !is_whole; n++) {
        struct tw_record_writer *writer;
        assert_true(n < 100);
        tw_memory_fail_at(n);
        enum tw_status status = tw_record_writer_open("shard", n % 2 ? TW_PLAIN : TW_GZIP, &writer, NULL);
        if (!status) {
            status = tw_record_writer_add(writer, tw_span_of_text("first"), NULL);
            if (status)
                tw_record_writer_abandon(writer);
            else
                status = tw_record_writer_commit(writer, NULL, NULL);
        }
        is_whole = status == TW_OK;
        tw_memory_fail_at(0);
        if (!is_whole)
            assert_int_equal(status, TW_NO_MEMORY);
        assert_int_equal(entries_of("."), is_whole);
    }
    write_texts("packed", TW_GZIP);
    is_whole = false;
    for (uint64_t n = 1; !is_whole; n++) {
        size_t count;
        tw_memory_fail_at(n);
        enum tw_status status = read_texts("packed", &tw_record_limits_default, &count, NULL);
        tw_memory_fail_at(0);
        is_whole = status == TW_OK;
        if (!is_whole)
            assert_int_equal(status, TW_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(records_come_back_plain_and_gzip),
        in_folder(stored_gzip_comes_back_and_holds_the_bytes_as_they_are),
        in_folder(frame_is_length_checksum_data_checksum),
        in_folder(equal_records_give_equal_bytes_and_their_digest),
        in_folder(file_cut_anywhere_is_corrupt_but_at_a_record_boundary),
        in_folder(gzip_cut_anywhere_is_corrupt),
        in_folder(every_flipped_bit_is_found),
        in_folder(several_gzip_members_and_zero_padding_are_one_stream),
        in_folder(record_over_the_limit_is_refused_before_memory_is_taken),
        in_folder(gzip_bomb_ends_at_the_limit_of_its_record),
        in_folder(abandoned_shard_leaves_nothing_and_the_old_one_stays),
        in_folder(missing_file_and_folder_are_named),
        in_folder(failed_allocations_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
