/* A bounded reader of the HDF5 files that h5py and so Keras write: superblock 0 or 1, groups as symbol tables, datasets of
 * numbers in one piece. Source: support.hdfgroup.org, "HDF5 File Format Specification" 2.0.
 *
 * The HDF5 library is not used: what Keras writes is a small part of the format, and a reader of that part can be held to
 * bounds on time and memory whatever a file claims. */
#ifndef TW_FORMATS_HDF5_H
#define TW_FORMATS_HDF5_H

#include "formats/weights.h"

bool hdf5_matches(struct tw_span bytes);
/* Every dataset by its path, "group/name". Those that are packed, in pieces or no numbers are of dtype NONE. Sorted. */
void hdf5_read(struct build *build, struct tw_span file, struct weights *weights);

#endif
