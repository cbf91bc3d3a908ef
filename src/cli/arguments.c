#include "cli/arguments.h"

#include "base/memory.h"
#include "base/text.h"
#include "cli/command.h"
#include "engine/engine.h"

#include <stdio.h>
#include <string.h>

const struct tw_option tw_option_table[TW_OPTION_COUNT] = {
    [TW_OPTION_OUTPUT] = {"output", 'o', TW_KIND_TEXT, "FOLDER", 0, 0,
                          "folder for the results; made where it is missing"},
    [TW_OPTION_EVAL] = {"eval", 0, TW_KIND_TEXTS, "INPUT", 0, 0,
                        "what to evaluate on, of the same kind as the input; may be given several times"},
    [TW_OPTION_EVAL_SHARE] =
        {"eval-share", 0, TW_KIND_NUMBER, "X", 0, 0.9,
         "share of the input kept aside to evaluate on, chosen by content (default: train 0.1, embed 0)"},
    [TW_OPTION_LABELS] = {"labels", 0, TW_KIND_TEXT, "DICT", 0, 0,
                          "text file of label names, one a line: fixes their order and refuses others"},
    [TW_OPTION_CORRECTIONS] =
        {"corrections", 0, TW_KIND_TEXT, "CSV", 0, 0,
         "decisions about photos: columns uri and new_label; - leaves a photo out; or a folder from "
         "check -o, with its quarantine.csv"},
    [TW_OPTION_SUSPECTS] = {"suspects", 0, TW_KIND_FLAG, NULL, 0, 0,
                            "embed the photos too and name labels that are likely wrong"},
    [TW_OPTION_SINGLE_LABEL] = {"single-label", 0, TW_KIND_FLAG, NULL, 0, 0,
                                "one answer a photo, also where inputs name several labels: they share its weight"},
    [TW_OPTION_FOLDS] = {"folds", 0, TW_KIND_INTEGER, "K", 2, 20,
                         "evaluate every example by cross-validation in K folds, and learn from all"},
    [TW_OPTION_FROM] = {"from", 0, TW_KIND_TEXT, "RUN", 0, 0,
                        "grow a trained run: its photos come along, nothing of it is embedded again"},
    [TW_OPTION_RENAME] = {"rename", 0, TW_KIND_TEXTS, "OLD=NEW", 0, 0,
                          "with --from: another name for a class; may be given several times"},
    [TW_OPTION_MERGE] = {"merge", 0, TW_KIND_TEXTS, "A,B=C", 0, 0,
                         "with --from: classes A and B become C; may be given several times"},
    [TW_OPTION_REMOVE] = {"remove", 0, TW_KIND_TEXTS, "LABEL", 0, 0,
                          "with --from: leave out a class with its photos; may be given several times"},
    [TW_OPTION_RECIPE] = {"recipe", 0, TW_KIND_TEXT, "NAME", 0, 0,
                          "how the head learns: auto (chooses by cross-validation) or workshop"},
    [TW_OPTION_SEED] = {"seed", 0, TW_KIND_INTEGER, "N", 0, 9007199254740992.0,
                        "seed of everything random (default 0)"},
    [TW_OPTION_STEPS] = {"steps", 0, TW_KIND_INTEGER, "N", 1, 1e9, "workshop: steps of training (default 1000)"},
    [TW_OPTION_BATCH] = {"batch", 0, TW_KIND_INTEGER, "N", 1, 1e6, "workshop: examples a step (default 100)"},
    [TW_OPTION_HIDDEN] = {"hidden", 0, TW_KIND_INTEGER, "N", 1, 65536,
                          "workshop: width of the hidden layer (default 512)"},
    [TW_OPTION_DROPOUT] = {"dropout", 0, TW_KIND_NUMBER, "X", 0, 0.99,
                           "workshop: share of the hidden layer dropped in a step (default 0.5)"},
    [TW_OPTION_LEARNING_RATE] = {"learning-rate", 0, TW_KIND_NUMBER, "X", 1e-12, 1e3,
                                 "workshop: learning rate (default 0.001)"},
    [TW_OPTION_LEARNING_CURVE] = {"learning-curve", 0, TW_KIND_CHOICE, "auto|never", 0, 0,
                                  "accuracy over the number of examples, and what more would bring (default auto: with "
                                  "the recipe auto)"},
    [TW_OPTION_OPTIMIZER] = {"optimizer", 0, TW_KIND_CHOICE, "adam|adamw|sgd", 0, 0,
                             "workshop: how steps follow the gradient (default adam)"},
    [TW_OPTION_MOMENTUM] = {"momentum", 0, TW_KIND_NUMBER, "X", 0, 0.9999, "workshop, sgd: momentum (default 0.9)"},
    [TW_OPTION_WEIGHT_DECAY] = {"weight-decay", 0, TW_KIND_NUMBER, "X", 0, 100,
                                "workshop, adamw: weight decay (default 0.01)"},
    [TW_OPTION_SCHEDULE] = {"schedule", 0, TW_KIND_CHOICE, "constant|cosine", 0, 0,
                            "workshop: how the learning rate goes over the steps (default constant)"},
    [TW_OPTION_WARM_UP] = {"warm-up", 0, TW_KIND_INTEGER, "N", 0, 1e9,
                           "workshop: steps in which the learning rate rises to its height (default 0)"},
    [TW_OPTION_EPOCHS] = {"epochs", 0, TW_KIND_INTEGER, "N", 1, 1e6,
                          "workshop: go over all examples so often, in place of --steps"},
    [TW_OPTION_PATIENCE] = {"patience", 0, TW_KIND_INTEGER, "N", 1, 1e6,
                            "workshop: stop early when the loss of examples held out of training has not fallen in N "
                            "looks, one every 100 steps (default: all steps are made)"},
    [TW_OPTION_LABEL_SMOOTHING] = {"label-smoothing", 0, TW_KIND_NUMBER, "X", 0, 0.9,
                                   "workshop: share of a target that is spread over all labels (default 0)"},
    [TW_OPTION_MIXUP] = {"mixup", 0, TW_KIND_NUMBER, "X", 0, 100,
                         "workshop: mix embeddings in pairs, by shares of Beta(X, X) (default 0: not)"},
    [TW_OPTION_CHECKPOINT_EVERY] = {"checkpoint-every", 0, TW_KIND_INTEGER, "N", 1, 1e9,
                                    "workshop: steps between checkpoints (default 100)"},
    [TW_OPTION_CHECKPOINT_SECONDS] = {"checkpoint-seconds", 0, TW_KIND_NUMBER, "X", 0.001, 1e9,
                                      "workshop: seconds between checkpoints, beside or in place of steps"},
    [TW_OPTION_KEEP] = {"keep", 0, TW_KIND_INTEGER, "N", 1, 1000, "workshop: checkpoints that stay (default 2)"},
    [TW_OPTION_BACKBONE] = {"backbone", 0, TW_KIND_TEXT, "NAME|FILE", 0, 0,
                            "network that makes the embeddings: a built-in one or a model file (default sprout)"},
    [TW_OPTION_LAYER] = {"layer", 0, TW_KIND_TEXT, "TENSOR", 0, 0, "tensor of the backbone that is the embedding"},
    [TW_OPTION_POLICY] = {"policy", 0, TW_KIND_TEXT, "JSON|FILE", 0, 0,
                          "how a photo becomes the backbone's input, where its file does not say"},
    [TW_OPTION_PRECISION] = {"precision", 0, TW_KIND_CHOICE, "f32|bf16|int8|auto", 0, 0,
                             "arithmetic of the backbone (default f32)"},
    [TW_OPTION_IGNORE_EXIF] = {"ignore-exif", 0, TW_KIND_FLAG, NULL, 0, 0,
                               "take pixels as stored, without EXIF orientation, as TensorFlow does"},
    [TW_OPTION_FAST_DECODE] = {"fast-decode", 0, TW_KIND_FLAG, NULL, 0, 0,
                               "decode large JPEGs at a part of their size; the model remembers it"},
    [TW_OPTION_MAX_PIXELS] = {"max-pixels", 0, TW_KIND_INTEGER, "N", 1, 1e12,
                              "greatest width x height of a photo (default 178956970)"},
    [TW_OPTION_MAX_BYTES] = {"max-bytes", 0, TW_KIND_INTEGER, "N", 1, 1e12,
                             "greatest size of a photo's file (default 268435456)"},
    [TW_OPTION_TOP] =
        {"top", 0, TW_KIND_INTEGER, "N", 1, 1e6,
         "predict: show the N best labels (default 1); explain: the N nearest training photos (default 8)"},
    [TW_OPTION_LABEL] = {"label", 0, TW_KIND_TEXT, "NAME", 0, 0, "label to explain (default: the model's answer)"},
    [TW_OPTION_GRID] = {"grid", 0, TW_KIND_INTEGER, "N", 2, 32,
                        "places a side that are covered one after another: N x N runs of the network (default 10)"},
    [TW_OPTION_PREDICTIONS] = {"predictions", 0, TW_KIND_TEXT, "FILE", 0, 0,
                               "write key,label,prediction,score of every row as CSV"},
    [TW_OPTION_VALUES] = {"values", 0, TW_KIND_INTEGER, "N", 0, 1e9,
                          "values shown of long lists; 0 for all (default 8)"},
    [TW_OPTION_FAIL_UNDER] = {"fail-under", 0, TW_KIND_NUMBER, "X", 0, 100,
                              "exit with 1 where the accuracy, or what --measure names, is worse than X"},
    [TW_OPTION_MEASURE] = {"measure", 0, TW_KIND_TEXT, "NAME", 0, 0,
                           "what --fail-under looks at, as metrics.json calls it: macro_f1, log_loss ... (default "
                           "accuracy)"},
    [TW_OPTION_FOLLOW] = {"follow", 'f', TW_KIND_FLAG, NULL, 0, 0, "go on until the run has ended"},
    [TW_OPTION_COMPARE] = {"compare", 0, TW_KIND_FLAG, NULL, 0, 0,
                           "two models on the same input: is one better, or is it luck?"},
    [TW_OPTION_PROFILE] = {"profile", 0, TW_KIND_FLAG, NULL, 0, 0, "time every step of the network"},
    [TW_OPTION_CALIBRATE] = {"calibrate", 0, TW_KIND_TEXT, "PHOTOS", 0, 0,
                             "quantize: photos like those to come, in folders or listed"},
    [TW_OPTION_METHOD] = {"method", 0, TW_KIND_CHOICE, "minmax|percentile|mse", 0, 0,
                          "quantize: how ranges are chosen (default mse)"},
    [TW_OPTION_INSTALL] = {"install", 0, TW_KIND_TEXT, "NETWORK", 0, 0,
                           "make this classifier, with the names of --labels, the one that answers"},
    [TW_OPTION_FORMAT] = {"format", 0, TW_KIND_CHOICE, "savedmodel|onnx", 0, 0, "what to write (default savedmodel)"},
    [TW_OPTION_ACCEPT_DIFFERENCE] = {"accept-difference", 0, TW_KIND_FLAG, NULL, 0, 0,
                                     "export also what will give somewhat other scores there"},
    [TW_OPTION_IMAGE_DECODER] = {"image-decoder", 0, TW_KIND_FLAG, NULL, 0, 0,
                                 "onnx: the graph takes a photo's file and decodes it (ONNX's ImageDecoder)"},
    [TW_OPTION_SERVER] =
        {"server", 0, TW_KIND_TEXT, "URL", 0, 0,
         "ask this server, http://HOST:PORT[/NAME] (default: one that is started for it on this machine)"},
    [TW_OPTION_PYTHON] = {"python", 0, TW_KIND_TEXT, "PROGRAM", 0, 0,
                          "Python that has onnxruntime or tensorflow (default python3 of the PATH)"},
    [TW_OPTION_SAVEDMODEL] = {"savedmodel", 0, TW_KIND_TEXT, "FOLDER", 0, 0,
                              "look at this exported SavedModel (default: export one)"},
    [TW_OPTION_ONNX] = {"onnx", 0, TW_KIND_TEXT, "FILE", 0, 0, "look at this exported ONNX (default: export one)"},
    [TW_OPTION_TOLERANCE] = {"tolerance", 0, TW_KIND_NUMBER, "X", 0, 1,
                             "greatest difference of a score that still agrees (default 0.0001)"},
    [TW_OPTION_LISTEN] = {"listen", 0, TW_KIND_TEXT, "ADDRESS:PORT", 0, 0,
                          "where to listen (default 127.0.0.1:8080; port 0: any that is free)"},
    [TW_OPTION_ADMIN] = {"admin", 0, TW_KIND_TEXT, "ADDRESS:PORT", 0, 0,
                         "where models may be changed too (default: nowhere)"},
    [TW_OPTION_GENERAL] = {"general", 0, TW_KIND_TEXT, "NAME", 0, 0,
                           "model that answers label detection (default: the one named general, or the only one)"},
    [TW_OPTION_TOKENS] = {"tokens", 0, TW_KIND_TEXT, "FILE", 0, 0,
                          "ask for a token: a line each, its SHA-256 in hex and whose it is"},
    [TW_OPTION_OPEN] = {"open", 0, TW_KIND_FLAG, NULL, 0, 0,
                        "let anybody ask who reaches the address, without a token"},
    [TW_OPTION_NO_CORRECTIONS] = {"no-corrections", 0, TW_KIND_FLAG, NULL, 0, 0,
                                  "keep no photos that people say were answered wrongly"},
    [TW_OPTION_TLS_CERTIFICATE] = {"tls-cert", 0, TW_KIND_TEXT, "FILE", 0, 0, "certificate of TLS, PEM"},
    [TW_OPTION_TLS_KEY] = {"tls-key", 0, TW_KIND_TEXT, "FILE", 0, 0, "its private key, PEM"},
    [TW_OPTION_ACCESS_LOG] = {"access-log", 0, TW_KIND_TEXT, "FILE", 0, 0,
                              "append a line of JSON a request; - for standard output"},
    [TW_OPTION_POLL] = {"poll", 0, TW_KIND_NUMBER, "SECONDS", 0.05, 86400,
                        "time between looks at the store (default 1)"},
    [TW_OPTION_MAX_BODY] = {"max-body", 0, TW_KIND_INTEGER, "N", 1, 1e12, "greatest body in bytes (default 33554432)"},
    [TW_OPTION_MAX_PHOTOS] = {"max-photos", 0, TW_KIND_INTEGER, "N", 1, 1e6, "most photos of a request (default 256)"},
    [TW_OPTION_MAX_QUEUE] = {"max-queue", 0, TW_KIND_INTEGER, "N", 1, 1e7,
                             "most photos that wait or are being answered (default 512)"},
    [TW_OPTION_MAX_CONNECTIONS] = {"max-connections", 0, TW_KIND_INTEGER, "N", 4, 1e6, "(default 16384)"},
    [TW_OPTION_DEADLINE] = {"deadline", 0, TW_KIND_NUMBER, "SECONDS", 0.001, 86400,
                            "longest time that a photo may wait (default 30)"},
    [TW_OPTION_RATE] = {"rate", 0, TW_KIND_NUMBER, "N", 0.001, 1e9,
                        "requests a second of one address; twice as many at once (default: any number)"},
    [TW_OPTION_NAME] = {"name", 0, TW_KIND_TEXT, "NAME", 0, 0, "name of the version, beside its number"},
    [TW_OPTION_DESCRIPTION] = {"description", 0, TW_KIND_TEXT, "TEXT", 0, 0, "what people should know of it"},
    [TW_OPTION_SHARE] = {"share", 0, TW_KIND_NUMBER, "X", 0, 1,
                         "label: part of the requests that name no version, 0 to 1 (default 0)"},
    [TW_OPTION_NO_CACHE] = {"no-cache", 0, TW_KIND_FLAG, NULL, 0, 0, "compute every embedding anew"},
    [TW_OPTION_FORCE] = {"force", 0, TW_KIND_FLAG, NULL, 0, 0, "write into an output folder that holds something else"},
    [TW_OPTION_ALLOW_SKIPS] = {"allow-skips", 0, TW_KIND_FLAG, NULL, 0, 0,
                               "exit with 0 also where inputs were skipped"},
    [TW_OPTION_TUNE] =
        {"tune", 0, TW_KIND_CHOICE, "off|quick|full", 0, 0,
         "kernels of the backbone: by fixed rules, or by trials now, quick ones of what is not known yet or "
         "full ones (default: as `topwork backbone tune` found, where it ran; else off)"},
    [TW_OPTION_MAX_ISA] = {"max-isa", 0, TW_KIND_CHOICE, TW_ISA_NAMES, 0, 0,
                           "use no newer instructions than these (default: all that the CPU has)"},
    [TW_OPTION_THREADS] = {"threads", 0, TW_KIND_INTEGER, "N", 1, 1024,
                           "cores to use (default: those this process may use)"},
    [TW_OPTION_JSON] = {"json", 0, TW_KIND_FLAG, NULL, 0, 0, "print JSON on standard output"},
    [TW_OPTION_PROGRESS] = {"progress", 0, TW_KIND_CHOICE, "auto|always|never", 0, 0,
                            "show progress on standard error (default auto: on a terminal)"},
    [TW_OPTION_QUIET] = {"quiet", 'q', TW_KIND_FLAG, NULL, 0, 0, "print errors only"},
    [TW_OPTION_VERBOSE] = {"verbose", 'v', TW_KIND_FLAG, NULL, 0, 0, "print what is being done"},
    [TW_OPTION_HELP] = {"help", 'h', TW_KIND_FLAG, NULL, 0, 0, "print this help"},
};

static bool takes(const struct tw_command *command, enum tw_option_id id)
{
    if (id == TW_OPTION_HELP)
        return true;
    for (size_t i = 0; command->options[i] != TW_OPTION_COUNT; i++) {
        if (command->options[i] == id)
            return true;
    }
    return false;
}

static enum tw_option_id find_long(const struct tw_command *command, const char *name, size_t length)
{
    for (int id = 0; id < TW_OPTION_COUNT; id++) {
        const char *candidate = tw_option_table[id].name;
        if (takes(command, (enum tw_option_id)id) && strlen(candidate) == length &&
            strncmp(candidate, name, length) == 0)
            return (enum tw_option_id)id;
    }
    return TW_OPTION_COUNT;
}

static enum tw_option_id find_short(const struct tw_command *command, char letter)
{
    for (int id = 0; id < TW_OPTION_COUNT; id++) {
        if (takes(command, (enum tw_option_id)id) && tw_option_table[id].letter && tw_option_table[id].letter == letter)
            return (enum tw_option_id)id;
    }
    return TW_OPTION_COUNT;
}

static enum tw_status unknown_option(const struct tw_command *command, const char *given, struct tw_error *error)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(given, "="), given);
    const char *nearest = NULL;
    size_t least = 4;
    bool is_long = strncmp(name, "--", 2) == 0;
    for (int id = 0; id < TW_OPTION_COUNT && is_long; id++) {
        if (!takes(command, (enum tw_option_id)id))
            continue;
        size_t distance = tw_edit_distance(name + 2, tw_option_table[id].name);
        if (distance < least) {
            least = distance;
            nearest = tw_option_table[id].name;
        }
    }
    if (nearest)
        return tw_fail(error, TW_INVALID, "%s has no option %s: did you mean --%s?", command->name, name, nearest);
    return tw_fail(error, TW_INVALID, "%s has no option %s: `topwork help %s` lists them", command->name, name,
                   command->name);
}

static bool is_choice(const char *words, const char *text)
{
    size_t length = strlen(text);
    for (const char *at = words; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        if (strcspn(at, "|") == length && strncmp(at, text, length) == 0)
            return true;
    }
    return false;
}

static enum tw_status add_text(struct tw_arguments *arguments, enum tw_option_id id, const char *text,
                               struct tw_error *error)
{
    size_t count = arguments->values[id].text_count;
    if (count == TW_MOST_TEXTS)
        return tw_fail(error, TW_INVALID, "--%s is given more than %d times", tw_option_table[id].name, TW_MOST_TEXTS);
    const char **texts = tw_realloc(arguments->values[id].texts, count + 1, sizeof *texts);
    if (!texts)
        return tw_fail_memory(error, count * sizeof *texts, "the arguments");
    texts[count] = text;
    arguments->values[id].texts = texts;
    arguments->values[id].text_count = count + 1;
    return TW_OK;
}

static enum tw_status set_value(struct tw_arguments *arguments, enum tw_option_id id, const char *text,
                                struct tw_error *error)
{
    const struct tw_option *option = &tw_option_table[id];
    arguments->values[id].is_given = true;
    arguments->values[id].text = text;
    switch (option->kind) {
    case TW_KIND_FLAG:
    case TW_KIND_TEXT:
        return TW_OK;
    case TW_KIND_TEXTS:
        return add_text(arguments, id, text, error);
    case TW_KIND_CHOICE:
        if (is_choice(option->argument, text))
            return TW_OK;
        return tw_fail(error, TW_INVALID, "--%s is %s, not one of %s", option->name, text, option->argument);
    case TW_KIND_INTEGER:
        if (tw_parse_int64(text, (int64_t)option->least, (int64_t)option->most, &arguments->values[id].integer))
            return TW_OK;
        return tw_fail(error, TW_INVALID, "--%s is %s, not a whole number from %.0f to %.0f", option->name, text,
                       option->least, option->most);
    case TW_KIND_NUMBER:
        if (tw_parse_double(text, &arguments->values[id].number) && arguments->values[id].number >= option->least &&
            arguments->values[id].number <= option->most)
            return TW_OK;
        return tw_fail(error, TW_INVALID, "--%s is %s, not a number from %g to %g", option->name, text, option->least,
                       option->most);
    }
    return TW_OK;
}

/* One argument that begins with a dash; *used counts the one after it where it is the value. */
static enum tw_status read_option(const struct tw_command *command, int left, char **argv, int *used,
                                  struct tw_arguments *arguments, struct tw_error *error)
{
    const char *given = argv[0];
    bool is_long = strncmp(given, "--", 2) == 0;
    const char *value = is_long ? strchr(given, '=') : given[2] ? given + 1 : NULL;
    enum tw_option_id id =
        is_long ? find_long(command, given + 2, strcspn(given + 2, "=")) : find_short(command, given[1]);
    if (id == TW_OPTION_COUNT)
        return unknown_option(command, given, error);
    const struct tw_option *option = &tw_option_table[id];
    if (option->kind == TW_KIND_FLAG) {
        if (value)
            return tw_fail(error, TW_INVALID, "--%s takes no value", option->name);
        return set_value(arguments, id, "", error);
    }
    if (value)
        return set_value(arguments, id, value + 1, error);
    if (left < 2)
        return tw_fail(error, TW_INVALID, "--%s wants a value: %s", option->name, option->argument);
    *used = 2;
    return set_value(arguments, id, argv[1], error);
}

enum tw_status tw_arguments_read(const struct tw_command *command, int count, char **argv,
                                 struct tw_arguments *arguments, struct tw_error *error)
{
    struct tw_arguments made = {.operands = tw_alloc((size_t)count + 1, sizeof *made.operands)};
    if (!made.operands)
        return tw_fail_memory(error, (size_t)count, "the arguments");
    enum tw_status status = TW_OK;
    bool takes_options = true;
    for (int i = 0; i < count && !status;) {
        int used = 1;
        if (takes_options && strcmp(argv[i], "--") == 0)
            takes_options = false;
        else if (takes_options && argv[i][0] == '-' && argv[i][1])
            status = read_option(command, count - i, argv + i, &used, &made, error);
        else
            made.operands[made.operand_count++] = argv[i];
        i += used;
    }
    if (status) {
        tw_arguments_release(&made);
        return status;
    }
    *arguments = made;
    return TW_OK;
}

void tw_arguments_release(struct tw_arguments *arguments)
{
    for (int id = 0; id < TW_OPTION_COUNT; id++)
        tw_free(arguments->values[id].texts);
    tw_free(arguments->operands);
    *arguments = (struct tw_arguments){0};
}

const char *tw_text(const struct tw_arguments *arguments, enum tw_option_id id, const char *otherwise)
{
    return tw_has(arguments, id) ? arguments->values[id].text : otherwise;
}

const char *const *tw_texts(const struct tw_arguments *arguments, enum tw_option_id id, size_t *count)
{
    *count = arguments->values[id].text_count;
    return arguments->values[id].texts;
}

int64_t tw_integer(const struct tw_arguments *arguments, enum tw_option_id id, int64_t otherwise)
{
    return tw_has(arguments, id) ? arguments->values[id].integer : otherwise;
}

double tw_number(const struct tw_arguments *arguments, enum tw_option_id id, double otherwise)
{
    return tw_has(arguments, id) ? arguments->values[id].number : otherwise;
}
