/* What an INPUT of the command line is: photos (a folder, CSVs, files) or embedding records. Content decides. */
#ifndef TW_TASKS_INPUT_H
#define TW_TASKS_INPUT_H

#include "base/status.h"
#include "dataset/dataset.h"
#include "records/shards.h"

#include <stdbool.h>
#include <stddef.h>

/* One TFRecord file. */
struct tw_record_file {
    char *uri;
    bool is_eval; /* its folder's manifest says so */
    bool has_digest;
    struct tw_digest digest; /* by the manifest */
};
/* Zero-initialise; release accepts the zero state. */
struct tw_input {
    bool has_records;             /* else photos: list the inputs themselves */
    struct tw_record_file *files; /* sorted by uri */
    size_t file_count, file_capacity;
    bool has_foreign;             /* files that no manifest names */
    struct tw_manifest *manifest; /* of the first folder that has one; all agree on backbone, layer, policy, labels */
    struct tw_manifest manifest_storage;
};
/* Photos and records together are TW_INVALID. A manifest is trusted, not a name: records of two backbones, records with a
 * manifest beside ones without, a file that the manifest of its folder does not name, and the folder of a run that has not
 * finished are TW_CONFLICT. */
enum tw_status tw_input_classify(const char *const *inputs, size_t count, struct tw_input *input,
                                 struct tw_error *error) TW_MUST_USE;
/* TW_CONFLICT: `b` is not made as `a` is (backbone, layer, policy, size). The names say whose they are. */
enum tw_status tw_input_same_backbone(const struct tw_manifest *a, const char *a_name, const struct tw_manifest *b,
                                      const char *b_name, struct tw_error *error) TW_MUST_USE;
/* TW_CONFLICT: `b` is not made as `a` is (backbone, layer, policy, size), or its labels differ. The names say whose they are. */
enum tw_status tw_input_agree(const struct tw_manifest *a, const char *a_name, const struct tw_manifest *b,
                              const char *b_name, struct tw_error *error) TW_MUST_USE;
/* Where some files are the evaluation side, the others go; their number. */
size_t tw_input_keep_eval(struct tw_input *input);
/* Names of the classes of records: a dict.txt, the embed folder's own, or the numbers themselves up to `greatest`, the
 * greatest label among the records. TW_CONFLICT: there are fewer names. */
enum tw_status tw_input_labels(const struct tw_input *input, const char *labels_uri, int64_t greatest,
                               struct tw_labels *labels, struct tw_error *error) TW_MUST_USE;
void tw_input_release(struct tw_input *input);

#endif
