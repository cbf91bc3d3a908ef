#include "cli/command.h"

#include <string.h>

#define IMAGE_OPTIONS                                                                                                  \
    TW_OPTION_BACKBONE, TW_OPTION_LAYER, TW_OPTION_POLICY, TW_OPTION_PRECISION, TW_OPTION_IGNORE_EXIF,                 \
        TW_OPTION_FAST_DECODE, TW_OPTION_MAX_PIXELS, TW_OPTION_MAX_BYTES, TW_OPTION_TUNE, TW_OPTION_MAX_ISA
#define CONSOLE_OPTIONS                                                                                                \
    TW_OPTION_THREADS, TW_OPTION_JSON, TW_OPTION_PROGRESS, TW_OPTION_QUIET, TW_OPTION_VERBOSE, TW_OPTION_COUNT

static const enum tw_option_id train_options[] = {TW_OPTION_OUTPUT,
                                                  TW_OPTION_EVAL,
                                                  TW_OPTION_EVAL_SHARE,
                                                  TW_OPTION_LABELS,
                                                  TW_OPTION_RECIPE,
                                                  TW_OPTION_SEED,
                                                  TW_OPTION_STEPS,
                                                  TW_OPTION_BATCH,
                                                  TW_OPTION_LEARNING_CURVE,
                                                  TW_OPTION_HIDDEN,
                                                  TW_OPTION_DROPOUT,
                                                  TW_OPTION_LEARNING_RATE,
                                                  TW_OPTION_LABEL_SMOOTHING,
                                                  TW_OPTION_MIXUP,
                                                  TW_OPTION_CHECKPOINT_EVERY,
                                                  TW_OPTION_CHECKPOINT_SECONDS,
                                                  TW_OPTION_KEEP,
                                                  TW_OPTION_OPTIMIZER,
                                                  TW_OPTION_MOMENTUM,
                                                  TW_OPTION_WEIGHT_DECAY,
                                                  TW_OPTION_SCHEDULE,
                                                  TW_OPTION_WARM_UP,
                                                  TW_OPTION_EPOCHS,
                                                  TW_OPTION_PATIENCE,
                                                  TW_OPTION_NO_CACHE,
                                                  TW_OPTION_FORCE,
                                                  TW_OPTION_ALLOW_SKIPS,
                                                  TW_OPTION_CORRECTIONS,
                                                  TW_OPTION_FROM,
                                                  TW_OPTION_FOLDS,
                                                  TW_OPTION_SINGLE_LABEL,
                                                  TW_OPTION_RENAME,
                                                  TW_OPTION_MERGE,
                                                  TW_OPTION_REMOVE,
                                                  IMAGE_OPTIONS,
                                                  CONSOLE_OPTIONS};
static const enum tw_option_id embed_options[] = {TW_OPTION_OUTPUT,      TW_OPTION_CORRECTIONS, TW_OPTION_EVAL_SHARE,
                                                  TW_OPTION_LABELS,      TW_OPTION_NO_CACHE,    TW_OPTION_FORCE,
                                                  TW_OPTION_ALLOW_SKIPS, IMAGE_OPTIONS,         CONSOLE_OPTIONS};
static const enum tw_option_id evaluate_options[] = {TW_OPTION_COMPARE, TW_OPTION_PREDICTIONS, TW_OPTION_FAIL_UNDER,
                                                     TW_OPTION_MEASURE, TW_OPTION_ALLOW_SKIPS, IMAGE_OPTIONS,
                                                     CONSOLE_OPTIONS};
static const enum tw_option_id predict_options[] = {TW_OPTION_TOP, TW_OPTION_ALLOW_SKIPS, IMAGE_OPTIONS,
                                                    CONSOLE_OPTIONS};
static const enum tw_option_id explain_options[] = {TW_OPTION_OUTPUT, TW_OPTION_LABEL, TW_OPTION_GRID,
                                                    TW_OPTION_TOP,    IMAGE_OPTIONS,   CONSOLE_OPTIONS};
static const enum tw_option_id backbone_options[] = {TW_OPTION_PROFILE,   TW_OPTION_LAYER,   TW_OPTION_POLICY,
                                                     TW_OPTION_OUTPUT,    TW_OPTION_FORCE,   TW_OPTION_PRECISION,
                                                     TW_OPTION_CALIBRATE, TW_OPTION_METHOD,  TW_OPTION_ALLOW_SKIPS,
                                                     TW_OPTION_TUNE,      TW_OPTION_MAX_ISA, CONSOLE_OPTIONS};
static const enum tw_option_id check_options[] = {TW_OPTION_OUTPUT,   TW_OPTION_EVAL,        TW_OPTION_SUSPECTS,
                                                  TW_OPTION_LABELS,   TW_OPTION_CORRECTIONS, TW_OPTION_SEED,
                                                  TW_OPTION_NO_CACHE, IMAGE_OPTIONS,         CONSOLE_OPTIONS};
static const enum tw_option_id records_options[] = {TW_OPTION_VALUES, CONSOLE_OPTIONS};

static const enum tw_option_id label_options[] = {TW_OPTION_INSTALL,     TW_OPTION_LABELS,      TW_OPTION_TOP,
                                                  TW_OPTION_ALLOW_SKIPS, TW_OPTION_LAYER,       TW_OPTION_POLICY,
                                                  TW_OPTION_PRECISION,   TW_OPTION_IGNORE_EXIF, TW_OPTION_MAX_PIXELS,
                                                  TW_OPTION_MAX_BYTES,   CONSOLE_OPTIONS};
static const enum tw_option_id export_options[] = {
    TW_OPTION_IMAGE_DECODER, TW_OPTION_FORMAT, TW_OPTION_OUTPUT, TW_OPTION_FORCE,       TW_OPTION_ACCEPT_DIFFERENCE,
    TW_OPTION_BACKBONE,      TW_OPTION_LAYER,  TW_OPTION_POLICY, TW_OPTION_IGNORE_EXIF, CONSOLE_OPTIONS};
static const enum tw_option_id verify_options[] = {TW_OPTION_BACKBONE,   TW_OPTION_LAYER,     TW_OPTION_POLICY,
                                                   TW_OPTION_SERVER,     TW_OPTION_PYTHON,    TW_OPTION_SAVEDMODEL,
                                                   TW_OPTION_ONNX,       TW_OPTION_TOLERANCE, TW_OPTION_ALLOW_SKIPS,
                                                   TW_OPTION_MAX_PIXELS, TW_OPTION_MAX_BYTES, CONSOLE_OPTIONS};
static const enum tw_option_id models_options[] = {TW_OPTION_NAME, TW_OPTION_DESCRIPTION, TW_OPTION_SHARE,
                                                   CONSOLE_OPTIONS};
static const enum tw_option_id serve_options[] = {TW_OPTION_LISTEN,
                                                  TW_OPTION_ADMIN,
                                                  TW_OPTION_GENERAL,
                                                  TW_OPTION_TOKENS,
                                                  TW_OPTION_OPEN,
                                                  TW_OPTION_NO_CORRECTIONS,
                                                  TW_OPTION_TLS_CERTIFICATE,
                                                  TW_OPTION_TLS_KEY,
                                                  TW_OPTION_ACCESS_LOG,
                                                  TW_OPTION_NAME,
                                                  TW_OPTION_POLL,
                                                  TW_OPTION_MAX_BODY,
                                                  TW_OPTION_MAX_PHOTOS,
                                                  TW_OPTION_MAX_QUEUE,
                                                  TW_OPTION_MAX_CONNECTIONS,
                                                  TW_OPTION_DEADLINE,
                                                  TW_OPTION_RATE,
                                                  TW_OPTION_MAX_PIXELS,
                                                  TW_OPTION_MAX_BYTES,
                                                  CONSOLE_OPTIONS};

static const enum tw_option_id logs_options[] = {TW_OPTION_FOLLOW, TW_OPTION_JSON, TW_OPTION_QUIET, TW_OPTION_VERBOSE,
                                                 TW_OPTION_COUNT};

const struct tw_command tw_command_table[] = {
    {"train", "learn", "INPUT... -o RUN | --from RUN [INPUT...] -o RUN2",
     "labelled photos, or embedding records, to a run folder with a model",
     "INPUT is a folder with one folder per class, a CSV of uri,label rows, TFRecord files of embeddings, or a folder "
     "from "
     "`topwork embed`. RUN/model.onnx is the model. The same command goes on where an interrupted one stopped. "
     "--from grows a trained run: INPUT adds photos and classes to it, --rename, --merge and --remove change its "
     "classes, "
     "--corrections relabels or leaves out photos; what it held out stays held out.",
     train_options, 0, tw_command_train},
    {"embed", "learn", "INPUT... -o DIR", "labelled or unlabelled photos to TFRecord shards of embeddings",
     "DIR/audit.csv names what became of every photo; DIR/manifest.json ties the shards to the backbone that made "
     "them.",
     embed_options, 1, tw_command_embed},
    {"check", "learn", "INPUT... [-o DIR]", "looks over photos and labels and says what is wrong with them",
     "No network runs, save with --suspects, which embeds the photos and doubts their labels. Exits with 1 where there "
     "is a problem. With -o: DIR/findings.csv holds everything that was "
     "found, DIR/labels.csv every label with its doubt, "
     "DIR/corrections.csv has a row for each photo to decide about: fill in new_label (- leaves the photo out), then "
     "`topwork train INPUT --corrections DIR`, which leaves out the broken and blank photos of DIR/quarantine.csv, "
     "too.",
     check_options, 1, tw_command_check},
    {"evaluate", "learn", "MODEL INPUT... | --compare A B INPUT...", "metrics of a model on labelled photos or records",
     "MODEL is a model file or a run folder. --fail-under X exits with 1 where the accuracy is lower, or what "
     "--measure names is worse: of log_loss and calibration_error less is better. --compare asks "
     "two "
     "models the same examples and says whether they tell which one is better (McNemar's exact test, paired "
     "bootstrap).",
     evaluate_options, 2, tw_command_evaluate},
    {"predict", "use", "MODEL PHOTO...",
     "label and score of photos, folders or CSVs of them; - reads a photo from standard input",
     "Prints KEY PREDICTION SCORE and how sure that is, with --top N the N best labels; with --json one object a photo "
     "and line.",
     predict_options, 2, tw_command_predict},
    {"explain", "use", "MODEL PHOTO [-o DIR]",
     "which training photos speak for the answer, and which part of the photo",
     "MODEL is a run folder, or a model file in one: RUN/examples/ holds the training photos. Place after place of the "
     "photo is covered and the network asked again; where the answer loses, that place speaks for it. With -o: "
     "DIR/map.png shows this over the photo (orange: for the answer, blue: against it), DIR/nearest-NN.jpg the "
     "nearest training photos, DIR/explanation.json holds all numbers. - reads the photo from standard input.",
     explain_options, 2, tw_command_explain},
    {"logs", "look", "RUN [--follow]", "what a run of train did and does",
     "Prints stages, steps, loss, accuracy, rate and time left. --follow shows a running job until it ends; --json "
     "passes "
     "the lines of RUN/log.jsonl on as they are.",
     logs_options, 1, tw_command_logs},
    {"backbone", "look",
     "list | info NAME|FILE | convert NAME|FILE -o FILE.onnx | quantize NAME|FILE -o FILE.onnx --calibrate PHOTOS | "
     "tune NAME|FILE [-o FILE]",
     "the networks that make embeddings",
     "FILE is a network of any known format; `convert` writes it as ONNX, whole, and notes in it how a photo becomes "
     "its "
     "input and which layer is its embedding. `quantize` writes it with weights and activations of eight bits, which "
     "run several times as fast, on grids that it learns from your photos. `tune` times every way in which this CPU "
     "can do "
     "the network's convolutions and keeps the fastest, which later commands use here. `info --profile` times the "
     "network step by step.",
     backbone_options, 1, tw_command_backbone},
    {"label", "use", "PHOTO... | --install NETWORK --labels FILE", "labels from a general, already trained classifier",
     "Prints the best labels of each photo; with --json as the Vision API has them. --install takes any network that "
     "classifies, with a text file of its classes, and writes it to $TOPWORK_LABEL_MODEL or "
     "~/.local/share/topwork/label.onnx, a model like those of train.",
     label_options, 0, tw_command_label},
    {"export", "use", "MODEL [--format savedmodel|onnx] -o PATH", "a model for TensorFlow or for ONNX runtimes",
     "savedmodel: PATH is a folder; the graph takes photos as they are in their files, decodes, turns and resizes them "
     "as "
     "the model's training did, and gives the number of the label and all scores (signature serving_default) or the "
     "label's "
     "name too (signature labels). onnx: PATH is a file; the graph takes a picture's values, as the model file itself "
     "does. What TensorFlow or ONNX cannot do alike is refused, unless --accept-difference is given.",
     export_options, 1, tw_command_export},
    {"verify", "use", "MODEL INPUT...", "proves that training, prediction, server and exports agree",
     "Every photo of INPUT is answered by `predict`, by the embedding that training kept of it, by a server in each of "
     "its "
     "dialects, by ONNX Runtime on the exported ONNX and by TensorFlow on the exported SavedModel. A line for each "
     "way: the "
     "greatest difference of a score to predict's, and how many photos get another label. Exits with 1 where one is "
     "beyond the "
     "tolerance. TOPWORK_TOKEN is the token for --server.",
     verify_options, 2, tw_command_verify},
    {"models", "use",
     "create STORE NAME | add-version STORE NAME MODEL | list STORE | describe STORE NAME | versions STORE NAME | "
     "set-default STORE NAME VERSION | label STORE NAME LABEL VERSION|- [--share X] | delete STORE NAME [VERSION]",
     "a store of models with versions, for a server to serve",
     "STORE is a folder. `add-version` copies a model file, or a run folder's model with its metrics and examples, "
     "runs it once "
     "and only then publishes it. VERSION is a number, a version's name (`--name`), or a label. The first version is "
     "the default; "
     "later ones become it by `set-default`. `label` lets a label such as stable or canary stand for a version; - "
     "takes it "
     "away. The default cannot be deleted unless it is the last version, nor a model that has versions.",
     models_options, 2, tw_command_models},
    {"serve", "use", "STORE|MODEL", "predictions over HTTP",
     "Serves every version of a store's models, and follows the store while it runs; or one run folder or model file. "
     "POST a photo to /predict/NAME. SIGTERM ends it after the requests in progress.",
     serve_options, 1, tw_command_serve},
    {"records", "look", "cat|count|check FILE|FOLDER...", "looks into TFRecord files, ours and others'", NULL,
     records_options, 2, tw_command_records},
};
const size_t tw_command_count = sizeof tw_command_table / sizeof *tw_command_table;

const struct tw_command_group tw_command_groups[] = {
    {"learn", "Learn from photos"}, {"use", "Use a model"}, {"look", "Look inside"}};
const size_t tw_command_group_count = sizeof tw_command_groups / sizeof *tw_command_groups;

/* Alternatives of a usage are split by " | "; one that begins with small letters begins with verbs, split by "|". */
bool tw_command_verb(const struct tw_command *command, size_t index, char verb[TW_VERB_SIZE])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz-";
    for (const char *at = command->usage; at != NULL;) {
        size_t length = strspn(at, letters);
        if (length > 0 && length < TW_VERB_SIZE && *at != '-' && strchr(" |", at[length]) != NULL && index-- == 0) {
            memcpy(verb, at, length);
            verb[length] = 0;
            return true;
        }
        bool has_sibling = length > 0 && *at != '-' && at[length] == '|';
        const char *next = has_sibling ? at + length + 1 : strstr(at, " | ");
        at = has_sibling || next == NULL ? next : next + 3;
    }
    return false;
}
