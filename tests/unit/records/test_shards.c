#include "records/shards.h"

#include "base/memory.h"
#include "scratch.h"

static struct tw_digest digest_of(uint8_t first)
{
    return (struct tw_digest){.bytes = {first, 0xab, 0xcd}};
}

/* A manifest in which no field is at its zero. */
static void write_manifest(void)
{
    static char *labels[] = {"rose", "caf\xc3\xa9"};
    static struct tw_shard_entry shards[] = {{"train-00000-of-00001.tfrecord.gz", "train", 7, {{1}}},
                                             {"eval-00000-of-00001.tfrecord.gz", "eval", 3, {{2}}}};
    struct tw_digest moved[2] = {digest_of(8), digest_of(9)};
    const struct tw_manifest manifest = {
        .backbone = "sprout",
        .backbone_digest = digest_of(3),
        .layer = "pool_3",
        .policy_json = "{\"width\":299}",
        .precision = "f32",
        .engine = "engine 1",
        .input_digest = digest_of(4),
        .settings_digest = digest_of(5),
        .embedding_size = 2048,
        .labels = labels,
        .label_count = 2,
        .eval_share = 0.1,
        .kept_on_eval = moved,
        .kept_on_eval_count = 2,
        .kept_on_train = moved + 1,
        .kept_on_train_count = 1,
        .shards = shards,
        .shard_count = 2,
        .skipped = 6,
    };
    struct tw_error error = {0};
    if (tw_manifest_write(".", &manifest, &error))
        fail_msg("%s", error.text);
}

static void shard_names_count_from_zero_in_five_digits(void **state)
{
    (void)state;
    char *name = tw_shard_name("train", 3, 12);
    assert_string_equal(name, "train-00003-of-00012.tfrecord.gz");
    tw_free(name);
}

static void manifest_comes_back_as_it_was_written(void **state)
{
    (void)state;
    struct tw_manifest read = {0};
    struct tw_error error = {0};
    write_manifest();
    if (tw_manifest_read(".", &read, &error))
        fail_msg("%s", error.text);
    assert_int_equal(read.version, 1);
    assert_string_equal(read.backbone, "sprout");
    assert_string_equal(read.layer, "pool_3");
    assert_string_equal(read.policy_json, "{\"width\":299}");
    assert_string_equal(read.precision, "f32");
    assert_string_equal(read.engine, "engine 1");
    struct tw_digest wanted[] = {digest_of(3), digest_of(4), digest_of(5), digest_of(8), digest_of(9)};
    assert_true(tw_digest_equal(&read.backbone_digest, &wanted[0]));
    assert_true(tw_digest_equal(&read.input_digest, &wanted[1]));
    assert_true(tw_digest_equal(&read.settings_digest, &wanted[2]));
    assert_int_equal(read.kept_on_eval_count, 2);
    assert_true(tw_digest_equal(&read.kept_on_eval[0], &wanted[3]));
    assert_true(tw_digest_equal(&read.kept_on_eval[1], &wanted[4]));
    assert_int_equal(read.kept_on_train_count, 1);
    assert_true(tw_digest_equal(&read.kept_on_train[0], &wanted[4]));
    assert_int_equal(read.embedding_size, 2048);
    assert_true(read.eval_share == 0.1);
    assert_int_equal(read.skipped, 6);
    assert_int_equal(read.label_count, 2);
    assert_string_equal(read.labels[1], "caf\xc3\xa9");
    assert_int_equal(read.shard_count, 2);
    assert_string_equal(read.shards[1].name, "eval-00000-of-00001.tfrecord.gz");
    assert_string_equal(read.shards[1].side, "eval");
    assert_int_equal(read.shards[1].count, 3);
    assert_int_equal(read.shards[1].digest.bytes[0], 2);
    tw_manifest_release(&read);
}

static void label_that_json_cannot_hold_is_refused(void **state)
{
    (void)state;
    char *labels[] = {"good", "\xff"};
    const struct tw_manifest manifest = {.backbone = "b",
                                         .layer = "l",
                                         .policy_json = "{}",
                                         .precision = "f32",
                                         .engine = "e",
                                         .labels = labels,
                                         .label_count = 2};
    struct tw_error error = {0};
    assert_int_equal(tw_manifest_write(".", &manifest, &error), TW_UNSUPPORTED);
    assert_non_null(strstr(error.text, "UTF-8"));
    assert_int_equal(entries_of("."), 0);
}

static void expect_refused(enum tw_status wanted, const char *words)
{
    struct tw_manifest read = {0};
    struct tw_error error = {0};
    assert_int_equal(tw_manifest_read(".", &read, &error), wanted);
    if (!strstr(error.text, words) || !strstr(error.text, "manifest.json"))
        fail_msg("%s", error.text);
    assert_null(read.backbone);
}

/* The good manifest with one text in the place of another. */
static void change(const char *from, const char *to)
{
    size_t size;
    write_manifest();
    char *text = (char *)bytes_of("manifest.json", &size), *at = strstr(text, from);
    assert_non_null(at);
    FILE *file = fopen("manifest.json", "wb");
    fprintf(file, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    fclose(file);
    free(text);
}

static void every_bad_field_is_refused_by_its_name(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *words;
        enum tw_status status;
    } cases[] = {
        {"\"version\": 1", "\"version\": 2", "its version is 2, this topwork reads 1", TW_UNSUPPORTED},
        {"\"version\": 1", "\"version\": -1", "its version is no whole number", TW_CORRUPT},
        {"\"sprout\"", "5", "its backbone is no text", TW_CORRUPT},
        {"\"03abcd", "\"3abcd", "its backbone_digest is not 64 hex digits", TW_CORRUPT},
        {"\"04abcd", "\"0xabcd", "its input_digest is not 64 hex digits", TW_CORRUPT},
        {"\"08abcd",
         "\"\xc3\xa9"
         "abcd",
         "its kept_on_eval are not 64 hex digits each", TW_CORRUPT},
        {"2048", "2048.5", "its embedding_size is no whole number", TW_CORRUPT},
        {"\"rose\"", "null", "its label 0 is no text", TW_CORRUPT},
        {"\"labels\"", "\"names\"", "its labels are no list", TW_CORRUPT},
        {"\"shards\"", "\"pieces\"", "its shards are no list", TW_CORRUPT},
        {"\"train-0", "\"../train-0", "leaves the folder", TW_CORRUPT},
        {"\"train-0", "\"/train-0", "leaves the folder", TW_CORRUPT},
        {"\"policy\"", "\"polity\"", "it has no policy", TW_CORRUPT},
        {"\"skipped\": 6", "\"skipped\": 6, \"skipped\": 7", "not a JSON object", TW_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        change(cases[i].from, cases[i].to);
        expect_refused(cases[i].status, cases[i].words);
    }
    put_text("manifest.json", "[1]");
    expect_refused(TW_CORRUPT, "not a JSON object");
}

static void manifest_cut_anywhere_is_refused(void **state)
{
    (void)state;
    size_t size;
    write_manifest();
    uint8_t *bytes = bytes_of("manifest.json", &size);
    for (size_t cut = 0; cut + 2 < size; cut++) { /* its end is "}\n" */
        put_bytes("manifest.json", bytes, cut);
        expect_refused(TW_CORRUPT, "not a JSON object");
    }
    free(bytes);
    remove("manifest.json");
    expect_refused(TW_NOT_FOUND, "cannot open");
}

static void failed_allocations_are_said_and_leave_nothing(void **state)
{
    (void)state;
    bool is_whole = false;
    write_manifest();
    for (uint64_t n = 1; !is_whole; n++) {
        struct tw_manifest read = {0};
        assert_true(n < 200);
        tw_memory_fail_at(n);
        enum tw_status status = tw_manifest_read(".", &read, NULL);
        tw_memory_fail_at(0);
        is_whole = status == TW_OK;
        tw_manifest_release(&read);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shard_names_count_from_zero_in_five_digits),
        in_folder(manifest_comes_back_as_it_was_written),
        in_folder(label_that_json_cannot_hold_is_refused),
        in_folder(every_bad_field_is_refused_by_its_name),
        in_folder(manifest_cut_anywhere_is_refused),
        in_folder(failed_allocations_are_said_and_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
