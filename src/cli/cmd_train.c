#include "cli/command.h"

#include "cli/cluster.h"
#include "tasks/evaluation.h"
#include "tasks/train.h"

#include <stdlib.h>
#include <string.h>

static enum tw_exit report(const struct tw_arguments *arguments, struct tw_console *console,
                           const struct tw_train_result *result, struct tw_error *error)
{
    struct tw_buffer out = {0};
    const char *const *labels = (const char *const *)result->labels;
    enum tw_status status = TW_OK;
    if (console->is_json && result->has_metrics) {
        status = tw_evaluation_json(&result->metrics, labels, result->more_json, &out, error);
    } else if (console->is_json) {
        status = tw_buffer_printf(&out, error, "{\"accuracy\":null,\"count\":0,\"train\":%zu}\n", result->train);
    } else if (!console->is_quiet) {
        status = tw_buffer_printf(&out, error, "%zu examples to train, %zu to evaluate, %zu classes", result->train,
                                  result->eval, result->label_count);
        if (status == TW_OK && result->computed + result->reused > 0)
            status = tw_buffer_printf(&out, error, "; %zu photos embedded, %zu known before (%.1f s)", result->computed,
                                      result->reused, result->embed_seconds);
        if (status == TW_OK && result->skipped > 0)
            status = tw_buffer_printf(&out, error, "; %zu skipped, see audit.csv", result->skipped);
        if (status == TW_OK)
            status = tw_buffer_printf(&out, error, "; head trained in %.1f s\n", result->train_seconds);
        if (status == TW_OK && result->folds_text.size > 0)
            status = tw_buffer_append(&out, result->folds_text.data, result->folds_text.size, error);
        if (status == TW_OK && result->has_metrics)
            status = tw_evaluation_text(&result->metrics, labels, &out, error);
        if (status == TW_OK && result->growth_text.size > 0)
            status = tw_buffer_append(&out, result->growth_text.data, result->growth_text.size, error);
        if (status == TW_OK)
            status = tw_buffer_append_text(&out, "\n", error);
        if (status == TW_OK)
            status = tw_learning_to_text(&result->calibration, &result->curve, &out, error);
        if (status == TW_OK)
            status = tw_buffer_printf(&out, error, "model: %s\n", result->model_path);
    }
    enum tw_exit code = status == TW_OK ? tw_console_print(console, &out) : tw_console_fail(console, error);
    tw_buffer_release(&out);
    return code == TW_EXIT_DONE ? tw_exit_of_skips(arguments, result->skipped) : code;
}

/* Whoever sets one of the workshop's own options means the workshop. */
static const char *default_recipe(const struct tw_arguments *arguments)
{
    static const enum tw_option_id workshop[] = {
        TW_OPTION_STEPS,           TW_OPTION_BATCH,   TW_OPTION_HIDDEN,    TW_OPTION_DROPOUT,  TW_OPTION_LEARNING_RATE,
        TW_OPTION_LABEL_SMOOTHING, TW_OPTION_MIXUP,   TW_OPTION_OPTIMIZER, TW_OPTION_MOMENTUM, TW_OPTION_WEIGHT_DECAY,
        TW_OPTION_SCHEDULE,        TW_OPTION_WARM_UP, TW_OPTION_EPOCHS,    TW_OPTION_PATIENCE};
    for (size_t i = 0; i < sizeof workshop / sizeof *workshop; i++) {
        if (tw_has(arguments, workshop[i]))
            return "workshop";
    }
    return "auto";
}

static enum tw_optimizer optimizer_of(const struct tw_arguments *arguments)
{
    const char *name = tw_text(arguments, TW_OPTION_OPTIMIZER, "adam");
    enum tw_optimizer optimizer = TW_OPTIMIZER_ADAM;
    while (strcmp(tw_optimizer_name(optimizer), name) != 0) /* the table lets only these words through */
        optimizer++;
    return optimizer;
}

static enum tw_curve_wish curve_wish(const struct tw_arguments *arguments)
{
    return strcmp(tw_text(arguments, TW_OPTION_LEARNING_CURVE, "auto"), "never") == 0 ? TW_CURVE_NEVER : TW_CURVE_AUTO;
}

/* --rename, --merge and --remove as one list into `changes`, which has room for it. */
static size_t collect_changes(const struct tw_arguments *arguments, struct tw_label_change *changes)
{
    static const struct {
        enum tw_option_id id;
        enum tw_label_change_kind kind;
    } kinds[] = {
        {TW_OPTION_RENAME, TW_LABEL_RENAME}, {TW_OPTION_MERGE, TW_LABEL_MERGE}, {TW_OPTION_REMOVE, TW_LABEL_REMOVE}};
    size_t made = 0, count;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *const *texts = tw_texts(arguments, kinds[i].id, &count);
        for (size_t j = 0; j < count; j++)
            changes[made++] = (struct tw_label_change){kinds[i].kind, texts[j]};
    }
    return made;
}

/* What the options say together. */
static enum tw_status check(const struct tw_arguments *arguments, const struct tw_train_options *options,
                            struct tw_error *error)
{
    if (options->input_count == 0 && options->from == NULL)
        return tw_fail(error, TW_INVALID,
                       "train needs INPUT, labelled photos or embedding records: topwork train INPUT... -o RUN");
    if (options->output == NULL)
        return tw_fail(error, TW_INVALID, "train needs -o RUN, the folder for the model");
    if (options->eval_inputs != NULL && tw_has(arguments, TW_OPTION_EVAL_SHARE))
        return tw_fail(error, TW_INVALID, "--eval and --eval-share exclude each other");
    if (options->folds > 0 && (options->eval_inputs != NULL || tw_has(arguments, TW_OPTION_EVAL_SHARE)))
        return tw_fail(error, TW_INVALID, "--folds evaluates every example: --eval and --eval-share exclude it");
    if (tw_has(arguments, TW_OPTION_EPOCHS) && tw_has(arguments, TW_OPTION_STEPS))
        return tw_fail(error, TW_INVALID, "--epochs and --steps exclude each other");
    if (tw_has(arguments, TW_OPTION_MOMENTUM) && options->recipe_options.optimizer != TW_OPTIMIZER_SGD)
        return tw_fail(error, TW_INVALID, "--momentum is for --optimizer sgd");
    if (tw_has(arguments, TW_OPTION_WEIGHT_DECAY) && options->recipe_options.optimizer != TW_OPTIMIZER_ADAMW)
        return tw_fail(error, TW_INVALID, "--weight-decay is for --optimizer adamw");
    if (options->label_change_count > 0 && options->from == NULL)
        return tw_fail(error, TW_INVALID,
                       "--rename, --merge and --remove change the classes of a run: name it with --from");
    return TW_OK;
}

/* False: another process of the job trains, which is said, or TF_CONFIG cannot be read (status). */
static bool is_trainer(struct tw_console *console, enum tw_status *status, struct tw_error *error)
{
    bool trains;
    char role[TW_ROLE_BYTES];
    *status = tw_cluster_role(getenv("TF_CONFIG"), &trains, role, error);
    if (*status == TW_OK && !trains)
        tw_log(&console->sink, TW_LOG_INFO,
               "this is %s of the job in TF_CONFIG: one process, its chief or master, does the whole training, and "
               "this one has "
               "nothing to do",
               role);
    return *status == TW_OK && trains;
}

enum tw_exit tw_command_train(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_train_result result = {0};
    struct tw_train_options options = {
        .inputs = arguments->operands,
        .input_count = arguments->operand_count,
        .labels_uri = tw_text(arguments, TW_OPTION_LABELS, NULL),
        .output = tw_text(arguments, TW_OPTION_OUTPUT, NULL),
        .eval_share = tw_number(arguments, TW_OPTION_EVAL_SHARE, -1),
        .recipe = tw_text(arguments, TW_OPTION_RECIPE, default_recipe(arguments)),
        .curve = curve_wish(arguments),
        .recipe_options =
            {
                .seed = (uint64_t)tw_integer(arguments, TW_OPTION_SEED, 0),
                .steps = (size_t)tw_integer(arguments, TW_OPTION_STEPS, 0),
                .batch = (size_t)tw_integer(arguments, TW_OPTION_BATCH, 0),
                .hidden = (size_t)tw_integer(arguments, TW_OPTION_HIDDEN, 0),
                .dropout = tw_number(arguments, TW_OPTION_DROPOUT, -1),
                .learning_rate = tw_number(arguments, TW_OPTION_LEARNING_RATE, 0),
                .label_smoothing = tw_number(arguments, TW_OPTION_LABEL_SMOOTHING, 0),
                .mixup = tw_number(arguments, TW_OPTION_MIXUP, 0),
                .optimizer = optimizer_of(arguments),
                .momentum = tw_number(arguments, TW_OPTION_MOMENTUM, -1),
                .weight_decay = tw_number(arguments, TW_OPTION_WEIGHT_DECAY, -1),
                .schedule = strcmp(tw_text(arguments, TW_OPTION_SCHEDULE, ""), "cosine") == 0 ? TW_SCHEDULE_COSINE
                                                                                              : TW_SCHEDULE_CONSTANT,
                .warm_up = (size_t)tw_integer(arguments, TW_OPTION_WARM_UP, 0),
                .epochs = (size_t)tw_integer(arguments, TW_OPTION_EPOCHS, 0),
                .patience = (size_t)tw_integer(arguments, TW_OPTION_PATIENCE, 0),
                .checkpoint_every_steps = (size_t)tw_integer(arguments, TW_OPTION_CHECKPOINT_EVERY, 0),
                .checkpoint_every_seconds = tw_number(arguments, TW_OPTION_CHECKPOINT_SECONDS, 0),
                .keep_checkpoints = (size_t)tw_integer(arguments, TW_OPTION_KEEP, 0),
            },
        .is_single_label = tw_has(arguments, TW_OPTION_SINGLE_LABEL),
        .is_forced = tw_has(arguments, TW_OPTION_FORCE),
    };
    struct tw_label_change changes[3 * TW_MOST_TEXTS];
    options.folds = (size_t)tw_integer(arguments, TW_OPTION_FOLDS, 0);
    options.from = tw_text(arguments, TW_OPTION_FROM, NULL);
    options.label_changes = changes;
    options.label_change_count = collect_changes(arguments, changes);
    options.eval_inputs = tw_texts(arguments, TW_OPTION_EVAL, &options.eval_input_count);
    enum tw_status status;
    if (!is_trainer(console, &status, &error))
        return status == TW_OK ? TW_EXIT_DONE : tw_console_fail(console, &error);
    status = tw_console_task(arguments, console, &options.task, &error);
    if (status == TW_OK)
        status = check(arguments, &options, &error);
    options.recipe_options.threads = options.task.threads;
    options.recipe_options.sink = &console->sink;
    if (status == TW_OK)
        status = tw_train(&options, &result, &error);
    if (status != TW_OK)
        return tw_console_fail(console, &error);
    enum tw_exit code = report(arguments, console, &result, &error);
    tw_train_result_release(&result);
    return code;
}
