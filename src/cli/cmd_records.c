#include "cli/command.h"

#include "records/example.h"
#include "records/tfrecord.h"
#include "storage/storage.h"
#include "tasks/input.h"

#include <string.h>

struct look {
    struct tw_console *console;
    bool prints, parses, is_cut_off;
    size_t values, count;
};

static enum tw_status look_at(struct look *look, const char *file, struct tw_error *error)
{
    struct tw_record_reader *reader = NULL;
    struct tw_example example = {0};
    struct tw_buffer out = {0};
    struct tw_span record;
    bool has_record = true;
    enum tw_status status = tw_record_reader_open(file, &tw_record_limits_default, &reader, error);
    for (size_t number = 1; status == TW_OK; number++) {
        status = tw_record_reader_next(reader, &record, &has_record, error);
        if (status != TW_OK || !has_record)
            break;
        look->count++;
        if (look->parses && (status = tw_example_parse(record, &example, error)) != TW_OK)
            status = tw_fail_within(error, status, "%s, record %zu", file, number - 1);
        if (!look->prints || status != TW_OK)
            continue;
        tw_buffer_clear(&out);
        status = tw_example_to_json(record, look->values, &out, error);
        if (status != TW_OK)
            status = tw_fail_within(error, status, "%s, record %zu", file, number - 1);
        if (status == TW_OK && tw_console_print(look->console, &out) != TW_EXIT_DONE) {
            look->is_cut_off = true; /* told already */
            status = TW_IO;
        }
    }
    tw_example_release(&example);
    tw_buffer_release(&out);
    tw_record_reader_free(reader);
    return status;
}

static enum tw_status look_and_count(struct look *look, const char *file, struct tw_buffer *out, struct tw_error *error)
{
    size_t before = look->count;
    enum tw_status status = look_at(look, file, error);
    if (status != TW_OK || look->prints)
        return status;
    return tw_buffer_printf(out, error, "%zu  %s%s\n", look->count - before, file, look->parses ? "  ok" : "");
}

/* A file is looked at whatever it seems to be; of a folder or a glob the files of records. */
static enum tw_status look_into(struct look *look, const char *operand, struct tw_buffer *out, struct tw_error *error)
{
    struct tw_input input = {0};
    enum tw_entry_kind kind;
    uint64_t size;
    enum tw_status status = tw_storage_kind(operand, &kind, &size, error);
    if (status == TW_OK && kind == TW_ENTRY_FILE)
        return look_and_count(look, operand, out, error);
    if (status == TW_OK)
        status = tw_input_classify(&operand, 1, &input, error);
    if (status == TW_OK && input.file_count == 0)
        status = kind == TW_ENTRY_MISSING ? tw_fail(error, TW_NOT_FOUND, "there is no file or folder %s", operand)
                                          : tw_fail(error, TW_NOT_FOUND, "%s holds no TFRecord file", operand);
    for (size_t i = 0; i < input.file_count && status == TW_OK; i++)
        status = look_and_count(look, input.files[i].uri, out, error);
    tw_input_release(&input);
    return status;
}

enum tw_exit tw_command_records(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_buffer out = {0};
    const char *verb = arguments->operands[0];
    bool is_count = strcmp(verb, "count") == 0, is_check = strcmp(verb, "check") == 0;
    struct look look = {
        .console = console,
        .prints = strcmp(verb, "cat") == 0,
        .parses = is_check,
        .values = (size_t)tw_integer(arguments, TW_OPTION_VALUES, 8),
    };
    enum tw_status status = TW_OK;
    if (!look.prints && !is_count && !is_check)
        status = tw_fail(&error, TW_INVALID, "records wants `cat`, `count` or `check`, not `%s`", verb);
    for (size_t i = 1; i < arguments->operand_count && status == TW_OK; i++)
        status = look_into(&look, arguments->operands[i], &out, &error);
    enum tw_exit code = tw_console_print(console, &out);
    tw_buffer_release(&out);
    if (look.is_cut_off)
        return TW_EXIT_SYSTEM;
    return status == TW_OK ? code : tw_console_fail(console, &error);
}
