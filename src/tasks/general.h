/* A classifier that others trained, as a model of ours: `topwork label` and a server's label detection answer by it. */
#ifndef TW_TASKS_GENERAL_H
#define TW_TASKS_GENERAL_H

#include "tasks/options.h"

struct tw_general_options {
    struct tw_task_options task; /* its backbone is the classifier, layer and policy as for one */
    const char *labels;          /* text file: a line an output, its number before it or not */
    const char *output_uri;      /* the model file; its folder is made */
};
struct tw_general_info {
    size_t label_count;
    bool ends_in_scores; /* else a softmax was put behind its logits */
};
/* Writes the whole classifier with its labels. What it gives for a grey photo tells whether that is scores (0 to 1, in sum 1) or
 * logits. TW_CONFLICT: there are more or fewer labels than outputs. */
enum tw_status tw_general_install(const struct tw_general_options *options, struct tw_general_info *info,
                                  struct tw_error *error) TW_MUST_USE;
/* Where `topwork label` looks: $TOPWORK_LABEL_MODEL, else $XDG_DATA_HOME/topwork/label.onnx, else
 * $HOME/.local/share/topwork/label.onnx. Owned; NULL: none is set, or no memory. */
char *tw_general_uri(void);

#endif
