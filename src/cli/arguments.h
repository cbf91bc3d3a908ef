/* The one table of options, and a command line read by it. Help, man pages and completions come from the same table. */
#ifndef TW_CLI_ARGUMENTS_H
#define TW_CLI_ARGUMENTS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tw_option_id {
    TW_OPTION_OUTPUT,
    TW_OPTION_EVAL,
    TW_OPTION_EVAL_SHARE,
    TW_OPTION_LABELS,
    TW_OPTION_CORRECTIONS,
    TW_OPTION_SUSPECTS,
    TW_OPTION_SINGLE_LABEL,
    TW_OPTION_FROM,
    TW_OPTION_FOLDS,
    TW_OPTION_RENAME,
    TW_OPTION_MERGE,
    TW_OPTION_REMOVE,
    TW_OPTION_RECIPE,
    TW_OPTION_SEED,
    TW_OPTION_STEPS,
    TW_OPTION_BATCH,
    TW_OPTION_HIDDEN,
    TW_OPTION_DROPOUT,
    TW_OPTION_LEARNING_RATE,
    TW_OPTION_OPTIMIZER,
    TW_OPTION_MOMENTUM,
    TW_OPTION_WEIGHT_DECAY,
    TW_OPTION_SCHEDULE,
    TW_OPTION_WARM_UP,
    TW_OPTION_EPOCHS,
    TW_OPTION_PATIENCE,
    TW_OPTION_LABEL_SMOOTHING,
    TW_OPTION_MIXUP,
    TW_OPTION_LEARNING_CURVE,
    TW_OPTION_CHECKPOINT_EVERY,
    TW_OPTION_CHECKPOINT_SECONDS,
    TW_OPTION_KEEP,
    TW_OPTION_BACKBONE,
    TW_OPTION_LAYER,
    TW_OPTION_POLICY,
    TW_OPTION_PRECISION,
    TW_OPTION_IGNORE_EXIF,
    TW_OPTION_FAST_DECODE,
    TW_OPTION_MAX_PIXELS,
    TW_OPTION_MAX_BYTES,
    TW_OPTION_TOP,
    TW_OPTION_LABEL,
    TW_OPTION_GRID,
    TW_OPTION_PREDICTIONS,
    TW_OPTION_VALUES,
    TW_OPTION_FAIL_UNDER,
    TW_OPTION_MEASURE,
    TW_OPTION_FOLLOW,
    TW_OPTION_COMPARE,
    TW_OPTION_PROFILE,
    TW_OPTION_CALIBRATE,
    TW_OPTION_METHOD,
    TW_OPTION_INSTALL,
    TW_OPTION_FORMAT,
    TW_OPTION_ACCEPT_DIFFERENCE,
    TW_OPTION_IMAGE_DECODER,
    TW_OPTION_SERVER,
    TW_OPTION_PYTHON,
    TW_OPTION_SAVEDMODEL,
    TW_OPTION_ONNX,
    TW_OPTION_TOLERANCE,
    TW_OPTION_LISTEN,
    TW_OPTION_ADMIN,
    TW_OPTION_GENERAL,
    TW_OPTION_TOKENS,
    TW_OPTION_OPEN,
    TW_OPTION_NO_CORRECTIONS,
    TW_OPTION_TLS_CERTIFICATE,
    TW_OPTION_TLS_KEY,
    TW_OPTION_ACCESS_LOG,
    TW_OPTION_POLL,
    TW_OPTION_MAX_BODY,
    TW_OPTION_MAX_PHOTOS,
    TW_OPTION_MAX_QUEUE,
    TW_OPTION_MAX_CONNECTIONS,
    TW_OPTION_DEADLINE,
    TW_OPTION_RATE,
    TW_OPTION_NAME,
    TW_OPTION_DESCRIPTION,
    TW_OPTION_SHARE,
    TW_OPTION_NO_CACHE,
    TW_OPTION_FORCE,
    TW_OPTION_ALLOW_SKIPS,
    TW_OPTION_TUNE,
    TW_OPTION_MAX_ISA,
    TW_OPTION_THREADS,
    TW_OPTION_JSON,
    TW_OPTION_PROGRESS,
    TW_OPTION_QUIET,
    TW_OPTION_VERBOSE,
    TW_OPTION_HELP,
    TW_OPTION_COUNT
};

enum tw_option_kind { TW_KIND_FLAG, TW_KIND_TEXT, TW_KIND_TEXTS, TW_KIND_INTEGER, TW_KIND_NUMBER, TW_KIND_CHOICE };

struct tw_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    enum tw_option_kind kind;
    const char *argument; /* "N"; a CHOICE's words, split by '|' */
    double least, most;   /* INTEGER, NUMBER */
    const char *help;
};
extern const struct tw_option tw_option_table[TW_OPTION_COUNT];

enum { TW_MOST_TEXTS = 64 };
struct tw_arguments {
    const char **operands; /* owned array of borrowed texts */
    size_t operand_count;
    struct {
        bool is_given;
        const char *text;
        int64_t integer;
        double number;
        const char **texts; /* TEXTS: owned array of borrowed texts */
        size_t text_count;
    } values[TW_OPTION_COUNT];
};

struct tw_command;
/* Reads argv[0..count) for a command. TW_INVALID with the nearest right spelling. `--` ends the options. */
enum tw_status tw_arguments_read(const struct tw_command *command, int count, char **argv,
                                 struct tw_arguments *arguments, struct tw_error *error) TW_MUST_USE;
void tw_arguments_release(struct tw_arguments *arguments);

static inline bool tw_has(const struct tw_arguments *arguments, enum tw_option_id id)
{
    return arguments->values[id].is_given;
}
const char *tw_text(const struct tw_arguments *arguments, enum tw_option_id id, const char *otherwise);
/* What a TEXTS option was given, in order; NULL and 0 where it was not. */
const char *const *tw_texts(const struct tw_arguments *arguments, enum tw_option_id id, size_t *count);
int64_t tw_integer(const struct tw_arguments *arguments, enum tw_option_id id, int64_t otherwise);
double tw_number(const struct tw_arguments *arguments, enum tw_option_id id, double otherwise);

#endif
