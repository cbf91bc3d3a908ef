/* A map of numbers over a photo, as a picture: the photo, and beside it the photo in grey under the map's colours. Orange
 * speaks for the answer, blue against it: two colours that no kind of colour blindness confuses. */
#ifndef TW_REPORT_HEAT_PICTURE_H
#define TW_REPORT_HEAT_PICTURE_H

#include "image/image.h"

enum { TW_HEAT_EDGE = 480 };
struct tw_heat {
    const double *values; /* rows x columns, of places evenly spread over the photo */
    size_t rows, columns;
};
/* Both at most TW_HEAT_EDGE pixels wide and high. Colours grow with |value| over the greatest one; a map of zeros has none.
 * The same for the same photo and map. */
enum tw_status tw_heat_picture(const struct tw_image *photo, const struct tw_heat *heat, struct tw_image *picture,
                               struct tw_error *error) TW_MUST_USE;

#endif
