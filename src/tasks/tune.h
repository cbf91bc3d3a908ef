/* Which algorithm does which convolution of a network: from trials on this machine, kept in a tune file, or from the run that a
 * folder holds, so that it ends with the bits that it began with. Without either: the engine's fixed rules.
 *
 * Tune file: text. "topwork tuning 1\n", "cpu CPU\n", "engine BUILD\n", the rows of engine/choices.h, "sha256 HEX\n" of all that
 * stands before. It holds for one CPU type and one build; one that is foreign, stale or damaged is passed over with a warning. */
#ifndef TW_TASKS_TUNE_H
#define TW_TASKS_TUNE_H

#include "engine/choices.h"
#include "tasks/backbone.h"
#include "tasks/output.h"

/* This machine's, in the cache folder; NULL: there is no cache folder. Owned. */
char *tw_tune_file(void);

/* A network as a runner compiles it. Borrowed. */
struct tw_tune_network {
    const struct tw_graph *graph;
    const struct tw_image_policy *policy; /* sizes that the graph leaves open; NULL: it leaves none */
    enum tw_precision precision;          /* AUTO: F32 and BF16 */
};
/* The table that options->tune asks for; also rows of other networks are in it. QUICK: trials of what the tune file does not
 * know; FULL: of all; both are added to the file, and only warn where that cannot be written. *choices is never NULL. */
enum tw_status tw_tune_open(const struct tw_task_options *options, const struct tw_tune_network *network,
                            struct tw_choices **choices, struct tw_error *error) TW_MUST_USE;
/* Trials whatever is known, by options->tune (FILE: FULL); adds them to `file`, or to this machine's where it is NULL. */
enum tw_status tw_tune_run(const struct tw_task_options *options, const struct tw_tune_network *network,
                           const char *file, struct tw_tuning_report *report, struct tw_error *error) TW_MUST_USE;

/* Sets backbone->choices to the rows that are this network's. A folder that was begun with a table keeps it; else it is
 * tw_tune_open's, and `output` (NULL: there is no folder) notes it. The precision is settled. */
enum tw_status tw_backbone_choose_kernels(struct tw_backbone *backbone, const struct tw_task_options *options,
                                          struct tw_output *output, struct tw_error *error) TW_MUST_USE;
/* The rows of backbone->choices as text; owned, NULL where there is no memory. Empty: the fixed rules. */
char *tw_backbone_kernels(const struct tw_backbone *backbone);

#endif
