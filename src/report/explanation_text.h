/* Why a model answers as it does for one photo, as JSON and for people. */
#ifndef TW_REPORT_EXPLANATION_TEXT_H
#define TW_REPORT_EXPLANATION_TEXT_H

#include "base/bytes.h"

struct tw_explanation_neighbour {
    const char *key, *labels, *thumbnail; /* thumbnail: name of its file; NULL: there is none */
    double similarity;
    bool has_label;
};
/* Borrowed, all of it. */
struct tw_explanation_view {
    const char *key, *label, *prediction, *sureness; /* label: the one that is explained */
    double score;                                    /* of the label */
    double odds;                                     /* its log odds */
    const double *drops;                             /* rows x columns */
    const float *scores;                             /* rows x columns, of the label */
    size_t rows, columns;
    const struct tw_explanation_neighbour *neighbours;
    size_t neighbour_count, example_count;
    const char *missing; /* why there are no neighbours; NULL: there are */
    const char *map;     /* name of the picture's file; NULL: none was written */
};
/* One object: key, prediction, label, score, log_odds, sureness, map (rows, columns, drops, scores, picture), nearest (key,
 * labels, similarity, thumbnail), nearest_of (examples compared) or nearest_missing. Appends, with a newline. */
enum tw_status tw_explanation_to_json(const struct tw_explanation_view *view, struct tw_buffer *out,
                                      struct tw_error *error) TW_MUST_USE;
/* Sentences, a map in letters, a table of the nearest. Appends. */
enum tw_status tw_explanation_to_text(const struct tw_explanation_view *view, struct tw_buffer *out,
                                      struct tw_error *error) TW_MUST_USE;

#endif
