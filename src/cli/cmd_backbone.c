#include "cli/command.h"

#include "base/memory.h"
#include "cli/profile.h"
#include "tasks/convert.h"
#include "tasks/quantize.h"
#include "tasks/tune.h"

#include <stdio.h>
#include <string.h>

static enum tw_status put_backbone(const struct tw_backbone *backbone, bool is_json, struct tw_buffer *out,
                                   struct tw_error *error)
{
    char hex[TW_DIGEST_HEX];
    char *policy = tw_image_policy_to_json(&backbone->policy);
    const char *license = tw_graph_property(backbone->graph, "license");
    if (policy == NULL)
        return tw_fail_memory(error, 1, "a policy");
    tw_digest_hex(&backbone->digest, hex);
    enum tw_status status = tw_buffer_printf(
        out, error,
        is_json ? "{\"name\":\"%s\",\"embedding_size\":%zu,\"layer\":\"%s\",\"policy\":%s,\"sha256\":\"%s\"}\n"
                : "name       %s\nembedding  %zu values\nlayer      %s\npolicy     %s\nsha256     %s\n",
        backbone->name, backbone->embedding_size, backbone->layer, policy, hex);
    if (status == TW_OK && !is_json && license != NULL)
        status = tw_buffer_printf(out, error, "license    %s\n", license);
    tw_free(policy);
    return status;
}

static enum tw_status list(bool is_json, struct tw_buffer *out, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (const char *const *name = tw_backbone_builtin_names(); *name != NULL && status == TW_OK; name++) {
        struct tw_backbone backbone = {0};
        const struct tw_task_options task = {.backbone = *name, .threads = 1};
        status = tw_backbone_open(&task, &backbone, error);
        if (status == TW_OK)
            status = is_json ? put_backbone(&backbone, true, out, error)
                             : tw_buffer_printf(out, error, "%s  built in, %zu values, %d x %d pixels\n", *name,
                                                backbone.embedding_size, backbone.policy.width, backbone.policy.height);
        tw_backbone_release(&backbone);
    }
    return status;
}

static enum tw_status convert(const struct tw_arguments *arguments, struct tw_task_options *task,
                              struct tw_error *error)
{
    const char *output = tw_text(arguments, TW_OPTION_OUTPUT, NULL);
    if (output == NULL)
        return tw_fail(error, TW_INVALID, "backbone convert wants the file to write: -o FILE.onnx");
    task->backbone = arguments->operands[1];
    return tw_backbone_convert(task, output, tw_has(arguments, TW_OPTION_FORCE), error);
}

static enum tw_status quantize(const struct tw_arguments *arguments, const struct tw_task_options *task, bool is_json,
                               struct tw_buffer *out, size_t *skipped, struct tw_error *error)
{
    struct tw_quantize_options options = {
        .task = *task,
        .photos_uri = tw_text(arguments, TW_OPTION_CALIBRATE, NULL),
        .output_uri = tw_text(arguments, TW_OPTION_OUTPUT, NULL),
        .method = TW_CALIBRATION_MSE,
        .is_forced = tw_has(arguments, TW_OPTION_FORCE),
    };
    struct tw_quantize_result result;
    const char *method = tw_text(arguments, TW_OPTION_METHOD, tw_calibration_name(options.method));
    if (options.output_uri == NULL)
        return tw_fail(error, TW_INVALID, "backbone quantize wants the file to write: -o FILE.onnx");
    if (options.photos_uri == NULL)
        return tw_fail(error, TW_INVALID,
                       "backbone quantize wants photos like those to come, to learn ranges from: --calibrate PHOTOS");
    options.task.backbone = arguments->operands[1];
    options.task.precision = TW_PRECISION_F32;
    options.method = TW_CALIBRATION_MINMAX;
    while (strcmp(method, tw_calibration_name(options.method)) != 0)
        options.method++;
    enum tw_status status = tw_backbone_quantize(&options, &result, error);
    if (status != TW_OK)
        return status;
    *skipped = result.skipped;
    return tw_buffer_printf(
        out, error,
        is_json
            ? "{\"file\":\"%s\",\"photos\":%zu,\"skipped\":%zu,\"cosine_least\":%.6f,\"cosine_mean\":%.6f}\n"
            : "%s: calibrated on %zu photos (%zu skipped); embeddings keep cosine %.5f at least, %.5f on the mean\n",
        options.output_uri, result.photos, result.skipped, result.least_cosine, result.mean_cosine);
}

static enum tw_status put_shape(const struct tw_tuned_shape *shape, struct tw_table *table, struct tw_error *error)
{
    enum tw_status status;
    bool is_other = strcmp(shape->rule, shape->chosen) != 0;
    if ((status = tw_table_cell(table, error, "%s", shape->key)) != TW_OK ||
        (status = tw_table_cell(table, error, "%s", shape->rule)) != TW_OK ||
        (status = tw_table_cell(table, error, "%.3f", shape->rule_seconds * 1e3)) != TW_OK ||
        (status = tw_table_cell(table, error, "%s", is_other ? shape->chosen : "the same")) != TW_OK)
        return status;
    return tw_table_cell(table, error, "%.3f", shape->chosen_seconds * 1e3);
}

static enum tw_status put_report(const struct tw_tuning_report *report, bool is_json, struct tw_buffer *out,
                                 struct tw_error *error)
{
    static const char *const heads[] = {"CONVOLUTION", "BY THE RULES", "MS", "CHOSEN", "MS"};
    enum { COLUMNS = sizeof heads / sizeof *heads };
    struct tw_table table = {.column_count = COLUMNS, .right_aligned = 0x14};
    double by_rule = 0, by_trial = 0;
    size_t others = 0;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < COLUMNS && status == TW_OK; i++)
        status = tw_table_cell(&table, error, "%s", heads[i]);
    for (size_t i = 0; i < report->count && status == TW_OK; i++) {
        const struct tw_tuned_shape *shape = &report->shapes[i];
        others += strcmp(shape->rule, shape->chosen) != 0;
        by_rule += shape->rule_seconds;
        by_trial += shape->chosen_seconds;
        status = put_shape(shape, &table, error);
    }
    if (status == TW_OK && is_json)
        status = tw_buffer_printf(out, error, "{\"shapes\":%zu,\"changed\":%zu,\"rule_ms\":%.3f,\"chosen_ms\":%.3f}\n",
                                  report->count, others, by_rule * 1e3, by_trial * 1e3);
    else if (status == TW_OK)
        status = tw_table_print(&table, out, error);
    if (status == TW_OK && !is_json)
        status =
            tw_buffer_printf(out, error,
                             "%zu shapes, %zu of them not as the fixed rules have them; one of each: %.3f ms by the "
                             "rules, %.3f ms as chosen; %s\n",
                             report->count, others, by_rule * 1e3, by_trial * 1e3, tw_engine_cpu());
    tw_table_release(&table);
    return status;
}

static enum tw_status tune(const struct tw_arguments *arguments, struct tw_task_options *task, bool is_json,
                           struct tw_buffer *out, struct tw_error *error)
{
    struct tw_backbone backbone = {0};
    struct tw_tuning_report report = {0};
    if (task->tune == TW_TUNE_OFF)
        return tw_fail(error, TW_INVALID, "backbone tune is what --tune off leaves out");
    task->backbone = arguments->operands[1];
    enum tw_status status = tw_backbone_open(task, &backbone, error);
    const struct tw_tune_network network = {backbone.graph, &backbone.policy, backbone.precision};
    if (status == TW_OK)
        status = tw_tune_run(task, &network, tw_text(arguments, TW_OPTION_OUTPUT, NULL), &report, error);
    if (status == TW_OK)
        status = put_report(&report, is_json, out, error);
    tw_tuning_report_release(&report);
    tw_backbone_release(&backbone);
    return status;
}

enum tw_exit tw_command_backbone(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_buffer out = {0};
    struct tw_backbone backbone = {0};
    struct tw_task_options task;
    size_t skipped = 0;
    const char *verb = arguments->operands[0];
    enum tw_status status = tw_console_task(arguments, console, &task, &error);
    if (status == TW_OK && strcmp(verb, "list") == 0 && arguments->operand_count == 1) {
        status = list(console->is_json, &out, &error);
    } else if (status == TW_OK && strcmp(verb, "info") == 0 && arguments->operand_count == 2) {
        task.backbone = arguments->operands[1];
        status = tw_backbone_open(&task, &backbone, &error);
        if (status == TW_OK)
            status = put_backbone(&backbone, console->is_json, &out, &error);
        if (status == TW_OK && tw_has(arguments, TW_OPTION_PROFILE))
            status = tw_put_profile(&backbone, &task, &out, &error);
    } else if (status == TW_OK && strcmp(verb, "convert") == 0 && arguments->operand_count == 2) {
        status = convert(arguments, &task, &error);
    } else if (status == TW_OK && strcmp(verb, "quantize") == 0 && arguments->operand_count == 2) {
        status = quantize(arguments, &task, console->is_json, &out, &skipped, &error);
    } else if (status == TW_OK && strcmp(verb, "tune") == 0 && arguments->operand_count == 2) {
        status = tune(arguments, &task, console->is_json, &out, &error);
    } else if (status == TW_OK) {
        status = tw_fail(&error, TW_INVALID,
                         "backbone wants `list`, `info NAME|FILE`, `convert NAME|FILE -o FILE.onnx`, "
                         "`quantize NAME|FILE -o FILE.onnx --calibrate PHOTOS` or `tune NAME|FILE`, not `%s`",
                         verb);
    }
    enum tw_exit code = status == TW_OK ? tw_console_print(console, &out) : tw_console_fail(console, &error);
    tw_backbone_release(&backbone);
    tw_buffer_release(&out);
    return code == TW_EXIT_DONE ? tw_exit_of_skips(arguments, skipped) : code;
}
