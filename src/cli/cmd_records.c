#include "cli/command.h"

#include "records/example.h"
#include "records/tfrecord.h"

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
    for (size_t i = 1; i < arguments->operand_count && status == TW_OK; i++) {
        size_t before = look.count;
        status = look_at(&look, arguments->operands[i], &error);
        if (status == TW_OK && !look.prints)
            status = tw_buffer_printf(&out, &error, "%zu  %s%s\n", look.count - before, arguments->operands[i],
                                      is_check ? "  ok" : "");
    }
    enum tw_exit code = tw_console_print(console, &out);
    tw_buffer_release(&out);
    if (look.is_cut_off)
        return TW_EXIT_SYSTEM;
    return status == TW_OK ? code : tw_console_fail(console, &error);
}
