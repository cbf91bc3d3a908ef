/* Labelled photos as a list: from a folder per class, a CSV, single photos or a folder of unlabelled ones. Every input
 * appears once, with what became of it; nothing is dropped silently. */
#ifndef TW_DATASET_DATASET_H
#define TW_DATASET_DATASET_H

#include "base/hash.h"
#include "base/log.h"

/* The label names, index = id. */
struct tw_labels {
    char **names; /* changed by these functions only: the index hangs on them */
    size_t count, capacity;
    uint32_t *slots; /* hash index: id + 1, 0 free; their number is a power of two */
    size_t slot_count;
};
/* dict.txt: one name a line, order gives the ids; BOM, CRLF and surrounding spaces are taken off, empty lines at the end
 * too; a double is TW_INVALID with both lines. */
enum tw_status tw_labels_read(const char *uri, struct tw_labels *labels, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_labels_write(const char *uri, const struct tw_labels *labels, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_labels_add(struct tw_labels *labels, const char *name, size_t *id,
                             struct tw_error *error) TW_MUST_USE; /* finds or adds */
bool tw_labels_find(const struct tw_labels *labels, const char *name, size_t *id);
/* Ids from `first` on in the order of the names' bytes; places[old id] = new id. */
enum tw_status tw_labels_sort(struct tw_labels *labels, size_t first, size_t *places,
                              struct tw_error *error) TW_MUST_USE;
char **tw_labels_take(struct tw_labels *labels); /* the names, now the caller's; labels are empty */
void tw_labels_release(struct tw_labels *labels);

enum tw_item_status { TW_ITEM_OK, TW_ITEM_SKIPPED };
enum tw_skip_cause { TW_SKIP_UNUSABLE, TW_SKIP_COPY, TW_SKIP_CONFLICT, TW_SKIP_CORRECTION };
enum tw_side { TW_SIDE_TRAIN, TW_SIDE_EVAL };

struct tw_item {
    char *uri;          /* as given: a CSV's own spelling, a found path; the record's image_uri */
    char *location;     /* where it is read: uri resolved against the CSV's folder */
    int64_t *labels;    /* ids, increasing, without doubles */
    size_t label_count; /* 0: unlabelled */
    enum tw_item_status status;
    enum tw_skip_cause cause; /* of a skipped one */
    char *reason;      /* why skipped, or a remark on an ok one ("no label", "unknown label x ignored"); NULL: none */
    int width, height; /* 0 until known */
    struct tw_digest content; /* SHA-256 of the file; zero until known */
    enum tw_side side;
    bool is_corrected;  /* a person decided its label: it stands against others of the same photo */
    bool is_kept;       /* of an earlier run: content and size are known, its file need not be there any more */
    bool is_side_fixed; /* an earlier run chose its side */
    size_t cluster;     /* photos of one number look alike; 0: it looks like no other */
};
struct tw_dataset {
    struct tw_item *items;
    size_t count, capacity;
    struct tw_labels labels;
};

struct tw_list_options {
    const char *labels_uri;               /* dict.txt, or NULL: names found, sorted by bytes */
    const struct tw_labels *known_labels; /* the same, given in memory; NULL: none */
    const struct tw_dataset *kept; /* what an earlier run had, with is_kept and sides: stands before what is listed, its
                                    * labels before those that are found; NULL: none */
    const char
        *corrections_uri; /* CSV with the columns uri and new_label, applied to the list; photos beside it that are
                                    * not in the list are added; NULL: none */
    bool is_prediction;   /* labels are ignored and every input is answered, also the same one twice */
    const struct tw_sink *sink;
};
/* Lists inputs (folders, CSVs, photos, globs), in order. Folder per class: sub-folder name = label, files below it to a
 * depth of 15 (hidden ones and companions such as licences, readmes and tables left out); photos directly in the folder
 * have no label. A sub-folder that cannot be read, lies too deep, or is a link to what is looked through anyway is an item
 * with status skipped.
 * CSV: uri,label[,label...]; a header line `uri,label` is recognised. The same uri under the same labels again is named
 * and skipped; under other labels (one class each) it is skipped with a reason that names both. TW_NOT_FOUND for a missing
 * input, TW_CORRUPT for a CSV with NUL bytes or an unclosed quote (line named). Files that do not exist are items
 * with status skipped. */
enum tw_status tw_dataset_list(const char *const *inputs, size_t input_count, const struct tw_list_options *options,
                               struct tw_dataset *dataset, struct tw_error *error) TW_MUST_USE;
/* Appends one item; uri and location copied. */
enum tw_status tw_dataset_add(struct tw_dataset *dataset, const char *uri, const char *location, struct tw_item **item,
                              struct tw_error *error) TW_MUST_USE;
/* "a; b" onto an item's remark. */
enum tw_status tw_item_remark(struct tw_item *item, const char *text, struct tw_error *error) TW_MUST_USE;
bool tw_item_has_same_labels(const struct tw_item *a, const struct tw_item *b);
enum tw_status tw_item_skip(struct tw_item *item, const char *reason, struct tw_error *error) TW_MUST_USE;
void tw_dataset_release(struct tw_dataset *dataset);

/* Reads every ok item's content hash (threads), skipping what cannot be read; marks copies under different labels as
 * skipped with both uris named. */
enum tw_status tw_dataset_hash(struct tw_dataset *dataset, int threads, size_t max_bytes, const struct tw_sink *sink,
                               struct tw_error *error) TW_MUST_USE;

/* A kept photo that is listed again, by its content, gives way: the listed item's name and labels count, on the side of the
 * kept one. After tw_dataset_hash. */
enum tw_status tw_dataset_supersede(struct tw_dataset *dataset, struct tw_error *error) TW_MUST_USE;

/* The contents that an earlier split had on each side. Borrowed. */
struct tw_kept_sides {
    const struct tw_digest *eval, *train;
    size_t eval_count, train_count;
};
/* Chooses sides by content hash, so that adding photos moves none: item is eval when hash < share. A photo, its copies and what
 * looks like them (item->cluster) are one: on the side where one of them stood before, else on that of the lowest hash. Where
 * `at_least_one`, a class of two such or more without an eval photo gives the one of its lowest hash, one without a train photo
 * that of its highest: the only photos that adding others could move, unless they are kept from the split before (NULL: none).
 * Items with is_side_fixed stay. *apart: photos that stood on a side before and look like one that stood on the other; they stay. */
enum tw_status tw_dataset_split(struct tw_dataset *dataset, double eval_share, bool at_least_one,
                                const struct tw_kept_sides *kept, size_t *apart, struct tw_error *error) TW_MUST_USE;
/* The contents of ok items on `side`, each once, to keep for the next split. Owned by the caller. */
enum tw_status tw_dataset_contents(const struct tw_dataset *dataset, enum tw_side side, struct tw_digest **contents,
                                   size_t *count, struct tw_error *error) TW_MUST_USE;
/* The rule itself, for records (hash of the uri) and for tests: in [0, 1). */
double tw_split_point(const struct tw_digest *digest);

/* audit.csv: uri,status,reason,width,height,label; a row for every input. Cells that a spreadsheet would run are quoted
 * with a leading apostrophe. Several labels are joined by ';'. */
enum tw_status tw_audit_write(const char *uri, const struct tw_dataset *dataset, struct tw_error *error) TW_MUST_USE;

#endif
