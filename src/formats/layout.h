/* What TensorFlow's formats share: pictures with their channels last, in a graph that wants them first.
 *
 * A tensor exists in up to two forms: native (the file's order of dimensions) and nchw (a picture with its channels moved
 * to the front). Each op takes the form that suits it; the other one is made by a Transpose when somebody asks for it, so a
 * chain of picture ops has none. */
#ifndef TW_FORMATS_LAYOUT_H
#define TW_FORMATS_LAYOUT_H

#include "formats/build.h"

struct layout_forms {
    int native, nchw; /* value ids; -1: not made */
};

extern const int layout_to_nchw[4], layout_to_nhwc[4]; /* orders of Transpose */
extern const int layout_axis_in_nchw[4];               /* where an axis of NHWC went */

/* The form, made where it is not there yet. -1: failed. */
int layout_native(struct build *build, struct layout_forms *forms);
int layout_nchw(struct build *build, struct layout_forms *forms);
/* The same constant with its dimensions in another order. -1: failed. */
int layout_permute(struct build *build, int id, const int *order, int rank);
/* A constant that broadcasts against NHWC, so that it broadcasts against NCHW. */
int layout_constant_for_nchw(struct build *build, int id);

#endif
