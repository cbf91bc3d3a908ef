#include "cli/command.h"

#include "tasks/embed.h"

enum tw_exit tw_command_embed(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_embed_result result = {0};
    struct tw_buffer out = {0};
    struct tw_embed_options options = {
        .inputs = arguments->operands,
        .input_count = arguments->operand_count,
        .labels_uri = tw_text(arguments, TW_OPTION_LABELS, NULL),
        .output = tw_text(arguments, TW_OPTION_OUTPUT, NULL),
        .eval_share = tw_number(arguments, TW_OPTION_EVAL_SHARE, 0),
        .is_forced = tw_has(arguments, TW_OPTION_FORCE),
    };
    enum tw_status status = tw_console_task(arguments, console, &options.task, &error);
    if (status == TW_OK && options.output == NULL)
        status = tw_fail(&error, TW_INVALID, "embed needs -o DIR, the folder for the records");
    if (status == TW_OK)
        status = tw_embed(&options, &result, &error);
    if (status == TW_OK && console->is_json)
        status = tw_buffer_printf(&out, &error,
                                  "{\"photos\":%zu,\"embedded\":%zu,\"computed\":%zu,\"reused\":%zu,\"skipped\":%zu,"
                                  "\"train\":%zu,\"eval\":%zu,\"labels\":%zu,\"shards\":%zu}\n",
                                  result.photos, result.embedded, result.computed, result.reused, result.skipped,
                                  result.train, result.eval, result.labels, result.shards);
    else if (status == TW_OK && !console->is_quiet)
        status = tw_buffer_printf(&out, &error,
                                  "%zu photos: %zu embedded with %s (%zu computed, %zu known before), %zu skipped\n"
                                  "%zu to train, %zu to evaluate, %zu labels, %zu shard%s in %s\n",
                                  result.photos, result.embedded, result.backbone, result.computed, result.reused,
                                  result.skipped, result.train, result.eval, result.labels, result.shards,
                                  result.shards == 1 ? "" : "s", options.output);
    enum tw_exit code = status == TW_OK ? tw_console_print(console, &out) : tw_console_fail(console, &error);
    tw_buffer_release(&out);
    return code == TW_EXIT_DONE ? tw_exit_of_skips(arguments, result.skipped) : code;
}
