#include "storage/storage.h"

#include "base/memory.h"
#include "scratch.h"
#include "storage/scratch.h"

static void expect_content(const char *path, const char *wanted)
{
    size_t size;
    uint8_t *bytes = bytes_of(path, &size);
    assert_string_equal((char *)bytes, wanted);
    free(bytes);
}

static void expect_words(const struct tw_error *error, const char *words)
{
    if (!strstr(error->text, words))
        fail_msg("%s", error->text);
}

static void written_file_appears_at_commit_and_not_before(void **state)
{
    (void)state;
    struct tw_writer *writer;
    put_text("file", "old");
    assert_int_equal(tw_writer_open("file", &writer, NULL), TW_OK);
    assert_int_equal(tw_writer_write(writer, "new ", 4, NULL), TW_OK);
    assert_int_equal(tw_writer_write(writer, "", 0, NULL), TW_OK);
    assert_int_equal(tw_writer_write(writer, "content", 7, NULL), TW_OK);
    expect_content("file", "old");
    assert_int_equal(tw_writer_commit(writer, NULL), TW_OK);
    expect_content("file", "new content");
    assert_int_equal(entries_of("."), 1);
}

static void scratch_keeps_what_it_holds_when_it_grows_and_leaves_no_file(void **state)
{
    (void)state;
    struct tw_scratch scratch = {0};
    assert_int_equal(tw_scratch_grow(&scratch, ".", 10000, NULL), TW_OK);
    memset(scratch.base, 7, 10000);
    assert_int_equal(tw_scratch_grow(&scratch, "nowhere", 3 << 20, NULL), TW_OK);
    assert_int_equal(scratch.size_bytes, 3 << 20);
    const uint8_t *bytes = scratch.base;
    assert_true(bytes[0] == 7 && bytes[9999] == 7 && bytes[10000] == 0 && bytes[scratch.size_bytes - 1] == 0);
    assert_int_equal(entries_of("."), 0);
    assert_int_equal(tw_scratch_grow(&scratch, ".", 1, NULL), TW_OK);
    assert_int_equal(scratch.size_bytes, 3 << 20);
    tw_scratch_release(&scratch);
    tw_scratch_release(&scratch);
}

static void scratch_that_does_not_fit_is_refused_before_it_is_written(void **state)
{
    (void)state;
    struct tw_scratch scratch = {0};
    struct tw_error error = {0};
    assert_int_equal(tw_scratch_grow(&scratch, "nowhere", 10, &error), TW_NOT_FOUND);
    expect_words(&error, "nowhere");
    assert_int_equal(tw_scratch_grow(&scratch, ".", (size_t)1 << 56, &error), TW_IO);
    expect_words(&error, "no room for a scratch file");
    assert_int_equal(scratch.size_bytes, 0);
}

static void abandoned_file_leaves_nothing(void **state)
{
    (void)state;
    struct tw_writer *writer;
    put_text("file", "old");
    assert_int_equal(tw_writer_open("file", &writer, NULL), TW_OK);
    assert_int_equal(tw_writer_write(writer, "new", 3, NULL), TW_OK);
    tw_writer_abandon(writer);
    tw_writer_abandon(NULL);
    expect_content("file", "old");
    assert_int_equal(entries_of("."), 1);
}

static void result_is_as_readable_as_the_umask_says(void **state)
{
    (void)state;
    struct stat info;
    mode_t kept = umask(027);
    assert_int_equal(tw_storage_write("file", tw_span_of_text("x"), NULL), TW_OK);
    umask(kept);
    assert_int_equal(stat("file", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

static void file_that_changed_below_its_writer_is_not_published(void **state)
{
    (void)state;
    struct tw_writer *writer;
    struct tw_listing listing = {0};
    struct tw_error error = {0};
    assert_int_equal(tw_writer_open("file", &writer, NULL), TW_OK);
    assert_int_equal(tw_writer_write(writer, "content", 7, NULL), TW_OK);
    assert_int_equal(tw_storage_list(".", &listing, NULL), TW_OK);
    assert_int_equal(listing.count, 1);
    put_text(listing.entries[0].name, "contenT");
    tw_listing_release(&listing);
    assert_int_equal(tw_writer_commit(writer, &error), TW_IO);
    expect_words(&error, "does not read back");
    assert_int_equal(entries_of("."), 0);
}

static void full_device_and_folder_are_refused_by_name(void **state)
{
    (void)state;
    struct tw_error error = {0};
    assert_int_equal(tw_storage_write("/dev/full", tw_span_of_text("x"), &error), TW_IO);
    expect_words(&error, "cannot write /dev/full: No space left");
    mkdir("folder", 0777);
    assert_int_equal(tw_storage_write("folder", tw_span_of_text("x"), &error), TW_IO);
    expect_words(&error, "folder: it is a folder");
    assert_int_equal(tw_storage_write("none/file", tw_span_of_text("x"), &error), TW_IO);
    expect_words(&error, "cannot write none/file: No such file");
    assert_int_equal(tw_storage_write("/dev/null", tw_span_of_text("x"), &error), TW_OK);
    assert_int_equal(tw_storage_write("", tw_span_of_text("x"), &error), TW_INVALID);
}

static void sweep_takes_what_killed_writers_left_and_no_more(void **state)
{
    (void)state;
    struct tw_writer *writer;
    put_text(".shard.gz.tw-a1B2c3", "left behind");
    put_text(".notes.backup", "somebody's");
    put_text(".photos.sqlite", "somebody's");
    put_text(".hidden", "somebody's");
    put_text("shard.gz.tw-a1B2c3", "not hidden");
    assert_int_equal(tw_writer_open("live", &writer, NULL), TW_OK);
    assert_int_equal(tw_storage_sweep(".", NULL), TW_OK);
    assert_int_equal(access(".shard.gz.tw-a1B2c3", F_OK), -1);
    assert_int_equal(access(".notes.backup", F_OK), 0);
    assert_int_equal(access(".photos.sqlite", F_OK), 0);
    assert_int_equal(access(".hidden", F_OK), 0);
    assert_int_equal(access("shard.gz.tw-a1B2c3", F_OK), 0);
    assert_int_equal(tw_writer_commit(writer, NULL), TW_OK);
    assert_int_equal(access("live", F_OK), 0);
}

static void read_and_map_give_the_whole_content(void **state)
{
    (void)state;
    struct tw_buffer buffer = {0};
    struct tw_mapping mapping = {0};
    put_text("file", "content");
    put_text("empty", "");
    for (int i = 0; i < 2; i++) { /* the second read replaces the first */
        assert_int_equal(tw_storage_read("file", 7, &buffer, NULL), TW_OK);
        assert_true(tw_span_equal(tw_buffer_span(&buffer), tw_span_of_text("content")));
    }
    assert_int_equal(tw_storage_read("empty", 0, &buffer, NULL), TW_OK);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(tw_storage_map("file", &mapping, NULL), TW_OK);
    assert_true(tw_span_equal(mapping.bytes, tw_span_of_text("content")));
    tw_mapping_release(&mapping);
    assert_int_equal(tw_storage_map("empty", &mapping, NULL), TW_OK);
    assert_int_equal(mapping.bytes.size, 0);
    tw_mapping_release(&mapping);
    tw_mapping_release(&mapping);
    tw_buffer_release(&buffer);
}

static void file_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct tw_buffer buffer = {0};
    struct tw_error error = {0};
    put_text("file", "content");
    assert_int_equal(tw_storage_read("file", 6, &buffer, &error), TW_LIMIT);
    expect_words(&error, "file has 7 bytes, over the limit of 6");
    tw_buffer_release(&buffer);
}

static void what_is_no_regular_file_is_refused_without_waiting(void **state)
{
    (void)state;
    struct tw_buffer buffer = {0};
    struct tw_mapping mapping = {0};
    struct tw_error error = {0};
    mkdir("folder", 0777);
    assert_int_equal(mkfifo("fifo", 0666), 0);
    static const char *const names[] = {"folder", "fifo", "/dev/zero"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(tw_storage_read(names[i], 1000, &buffer, &error), TW_UNSUPPORTED);
        expect_words(&error, names[i]);
        assert_int_equal(tw_storage_map(names[i], &mapping, &error), TW_UNSUPPORTED);
    }
    assert_int_equal(tw_storage_read("none", 1000, &buffer, &error), TW_NOT_FOUND);
    expect_words(&error, "cannot open none");
    tw_buffer_release(&buffer);
}

static void list_is_sorted_by_bytes_and_knows_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum tw_entry_kind kind;
    } wanted[] = {{".b", TW_ENTRY_FILE},          {"A", TW_ENTRY_FOLDER},   {"a", TW_ENTRY_FILE},
                  {"dangling", TW_ENTRY_MISSING}, {"fifo", TW_ENTRY_OTHER}, {"link", TW_ENTRY_FOLDER}};
    struct tw_listing listing = {0};
    put_text("a", "");
    put_text(".b", "");
    mkdir("A", 0777);
    assert_int_equal(mkfifo("fifo", 0666) || symlink("A", "link") || symlink("none", "dangling"), 0);
    assert_int_equal(tw_storage_list(".", &listing, NULL), TW_OK);
    assert_int_equal(listing.count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(listing.entries[i].name, wanted[i].name);
        assert_int_equal(listing.entries[i].kind, wanted[i].kind);
    }
    tw_listing_release(&listing);
    assert_int_equal(tw_storage_list("none", &listing, NULL), TW_NOT_FOUND);
    assert_int_equal(listing.count, 0);
}

static void glob_gives_whole_names_sorted_or_nothing(void **state)
{
    (void)state;
    struct tw_listing listing = {0};
    put_text("x/b-1.gz", "");
    put_text("x/a-2.gz", "");
    put_text("x/a-2.txt", "");
    assert_int_equal(tw_storage_glob("x/[ab]-?.gz", &listing, NULL), TW_OK);
    assert_int_equal(listing.count, 2);
    assert_string_equal(listing.entries[0].name, "x/a-2.gz");
    assert_string_equal(listing.entries[1].name, "x/b-1.gz");
    tw_listing_release(&listing);
    assert_int_equal(tw_storage_glob("x/c*", &listing, NULL), TW_OK);
    assert_int_equal(listing.count, 0);
    tw_listing_release(&listing);
}

static void kind_and_size_are_told(void **state)
{
    (void)state;
    enum tw_entry_kind kind;
    uint64_t size;
    put_text("file", "12345");
    assert_int_equal(tw_storage_kind("file", &kind, &size, NULL), TW_OK);
    assert_int_equal(kind, TW_ENTRY_FILE);
    assert_int_equal(size, 5);
    assert_int_equal(tw_storage_kind("file/below", &kind, &size, NULL), TW_OK);
    assert_int_equal(kind, TW_ENTRY_MISSING);
    assert_int_equal(tw_storage_kind("/dev/null", &kind, &size, NULL), TW_OK);
    assert_int_equal(kind, TW_ENTRY_OTHER);
}

static void folders_are_made_with_their_parents(void **state)
{
    (void)state;
    struct tw_error error = {0};
    assert_int_equal(tw_storage_make_folders("a/b//c/", NULL), TW_OK);
    assert_int_equal(tw_storage_make_folders("a/b/c", NULL), TW_OK);
    put_text("a/file", "");
    assert_int_equal(tw_storage_make_folders("a/file/d", &error), TW_IO);
    expect_words(&error, "cannot make folder a/file");
}

static void remove_takes_a_file_and_passes_over_a_missing_one(void **state)
{
    (void)state;
    put_text("file", "");
    mkdir("folder", 0777);
    assert_int_equal(tw_storage_remove("file", NULL), TW_OK);
    assert_int_equal(tw_storage_remove("file", NULL), TW_OK);
    assert_int_equal(tw_storage_remove("folder", NULL), TW_IO);
}

static void file_uris_are_paths_with_their_percent_signs_decoded(void **state)
{
    (void)state;
    struct tw_buffer buffer = {0};
    struct tw_error error = {0};
    char uri[4200];
    put_text("a b%", "content");
    snprintf(uri, sizeof uri, "file://localhost%s/a%%20b%%25", (char *)*state);
    assert_int_equal(tw_storage_read(uri, 100, &buffer, NULL), TW_OK);
    assert_int_equal(tw_storage_read("a b%", 100, &buffer, NULL), TW_OK); /* a plain path is not decoded */
    assert_int_equal(tw_storage_read("file:///x%2", 100, &buffer, &error), TW_INVALID);
    assert_int_equal(tw_storage_read("file:///x%00", 100, &buffer, &error), TW_INVALID);
    expect_words(&error, "not a well-formed uri");
    assert_int_equal(tw_storage_read("s3://bucket/x", 100, &buffer, &error), TW_UNSUPPORTED);
    expect_words(&error, "storage of the kind s3://");
    tw_buffer_release(&buffer);
}

static void expect_path(char *made, const char *wanted)
{
    assert_non_null(made);
    assert_string_equal(made, wanted);
    tw_free(made);
}

static void names_are_joined_and_made_normal(void **state)
{
    (void)state;
    char wanted[4200], here[4096];
    expect_path(tw_uri_join("a", "b"), "a/b");
    expect_path(tw_uri_join("a/", "b"), "a/b");
    expect_path(tw_uri_join("", "b"), "b");
    expect_path(tw_uri_join("a", "/b"), "/b");
    expect_path(tw_uri_join("a", "s3://b"), "s3://b");
    assert_non_null(getcwd(here, sizeof here));
    snprintf(wanted, sizeof wanted, "%s/a b", here);
    expect_path(tw_uri_normal("./a b"), wanted);
    expect_path(tw_uri_normal("/a b"), "/a b");
    expect_path(tw_uri_normal("FILE:///a%20b"), "/a b");
    expect_path(tw_uri_normal("gs://x/./y"), "gs://x/./y");
    assert_null(tw_uri_real("none"));
    put_text("target", "");
    assert_int_equal(symlink("target", "link"), 0);
    snprintf(wanted, sizeof wanted, "%s/target", here);
    expect_path(tw_uri_real("link"), wanted);
}

static void failed_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    bool is_whole = false;
    for (uint64_t n = 1; !is_whole; n++) {
        struct tw_listing listing = {0};
        assert_true(n < 100);
        tw_memory_fail_at(n);
        enum tw_status status = tw_storage_write("file", tw_span_of_text("content"), NULL);
        if (!status)
            status = tw_storage_list(".", &listing, NULL);
        if (!status)
            status = tw_storage_remove("file", NULL);
        tw_memory_fail_at(0);
        is_whole = status == TW_OK;
        if (!is_whole)
            assert_true(status == TW_NO_MEMORY || status == TW_IO);
        tw_listing_release(&listing);
        assert_int_equal(tw_storage_remove("file", NULL), TW_OK);
        assert_int_equal(entries_of("."), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(written_file_appears_at_commit_and_not_before),
        in_folder(abandoned_file_leaves_nothing),
        in_folder(scratch_keeps_what_it_holds_when_it_grows_and_leaves_no_file),
        in_folder(scratch_that_does_not_fit_is_refused_before_it_is_written),
        in_folder(result_is_as_readable_as_the_umask_says),
        in_folder(file_that_changed_below_its_writer_is_not_published),
        in_folder(full_device_and_folder_are_refused_by_name),
        in_folder(sweep_takes_what_killed_writers_left_and_no_more),
        in_folder(read_and_map_give_the_whole_content),
        in_folder(file_over_the_limit_is_refused),
        in_folder(what_is_no_regular_file_is_refused_without_waiting),
        in_folder(list_is_sorted_by_bytes_and_knows_kinds),
        in_folder(glob_gives_whole_names_sorted_or_nothing),
        in_folder(kind_and_size_are_told),
        in_folder(folders_are_made_with_their_parents),
        in_folder(remove_takes_a_file_and_passes_over_a_missing_one),
        in_folder(file_uris_are_paths_with_their_percent_signs_decoded),
        in_folder(names_are_joined_and_made_normal),
        in_folder(failed_allocations_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
