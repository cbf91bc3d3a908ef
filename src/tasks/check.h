/* `check`: looks over photos and labels and says what is wrong with them, before any network runs; asked for suspects, it
 * embeds the photos too and doubts labels. */
#ifndef TW_TASKS_CHECK_H
#define TW_TASKS_CHECK_H

#include "dataset/dataset.h"
#include "tasks/input.h"
#include "tasks/options.h"
#include "train/doubt.h"

enum tw_finding_kind {
    TW_FINDING_UNUSABLE,      /* missing, unreadable, broken, no photo */
    TW_FINDING_CONFLICT,      /* the same bytes under different labels */
    TW_FINDING_COPY,          /* the same bytes again */
    TW_FINDING_SHARED,        /* a photo of the evaluation set that is, or looks like, one to train on */
    TW_FINDING_SUSPECT,       /* the label is likely wrong, by heads that did not learn from the photo */
    TW_FINDING_NEAR_CONFLICT, /* looks like another one that has a different label */
    TW_FINDING_NEAR_COPY,     /* looks like another one: scaled, recompressed, turned, mirrored */
    TW_FINDING_BLANK,         /* one colour, or nearly */
    TW_FINDING_TINY,          /* a side of less than 64 pixels */
    TW_FINDING_HUGE,          /* more than 50 million pixels: slow to decode */
    TW_FINDING_TURNED,        /* stored turned; EXIF orientation is applied */
    TW_FINDING_UNLABELLED,
    TW_FINDING_SMALL_CLASS, /* fewer than 5 photos */
    TW_FINDING_UNBALANCED,  /* one class has more than 10 times the photos of another */
    TW_FINDING_KINDS
};
struct tw_finding_name {
    const char *name;     /* a word for CSV and JSON */
    const char *sentence; /* for people, before a number */
    bool is_problem;      /* else a remark */
};
extern const struct tw_finding_name tw_finding_names[TW_FINDING_KINDS];

struct tw_finding {
    enum tw_finding_kind kind;
    size_t item;       /* index of the photo, those to evaluate on behind those to train on; SIZE_MAX: a class */
    size_t other;      /* the photo that it is compared with; SIZE_MAX: none */
    int64_t suggested; /* label that fits better; -1: none is known */
    char *detail;      /* owned; NULL: none */
};

struct tw_check_options {
    struct tw_task_options task;
    const char *const *inputs;
    size_t input_count;
    const char *const *eval_inputs; /* NULL: none */
    size_t eval_input_count;
    const char *labels_uri;
    const char *output;  /* folder for findings.csv, corrections.csv and quarantine.csv; NULL: none */
    bool wants_suspects; /* needs `output` */
    uint64_t seed;
};
/* Zero-initialise; release accepts the zero state. */
struct tw_check_result {
    struct tw_dataset photos, eval_photos; /* eval_photos has the same label ids */
    struct tw_finding *findings;           /* by kind, then by photo */
    size_t finding_count, finding_capacity;
    size_t counts[TW_FINDING_KINDS];
    size_t *class_counts; /* usable photos of each label, those to evaluate on included */
    size_t problems;
    struct tw_doubt *doubts; /* every judged label, the most doubtful first; `row` is an index of `photos` */
    size_t doubt_count;
};
enum tw_status tw_check_add(struct tw_check_result *result, const struct tw_finding *finding,
                            struct tw_error *error) TW_MUST_USE;
const struct tw_item *tw_check_item(const struct tw_check_result *result, size_t index);
/* Inputs may be embedding records, too: then only labels are doubted. TW_NOT_FOUND: there is not one photo. What is wrong with photos is a finding, never an error. */
enum tw_status tw_check(const struct tw_check_options *options, struct tw_check_result *result,
                        struct tw_error *error) TW_MUST_USE;
/* The doubts and suspects of result->photos, which are ok and looked at, or of records, which become result->photos. */
enum tw_status tw_check_labels(const struct tw_check_options *options, struct tw_check_result *result,
                               struct tw_error *error) TW_MUST_USE;
enum tw_status tw_check_records(const struct tw_check_options *options, const struct tw_input *input,
                                struct tw_check_result *result, struct tw_error *error) TW_MUST_USE;
void tw_check_result_release(struct tw_check_result *result);

/* findings.csv (uri,kind,label,other,detail) and corrections.csv (uri,label,new_label,kind,other,other_label: a row for each
 * photo that a person should decide about; fill in new_label, then `train --corrections`); where labels were doubted labels.csv, every judged photo, the most doubtful
 * first. quarantine.csv has the form of corrections and leaves out what nothing can be learnt from: broken and blank
 * photos. Earlier ones are replaced. */
enum tw_status tw_check_write(const struct tw_check_result *result, const char *folder,
                              struct tw_error *error) TW_MUST_USE;

#endif
