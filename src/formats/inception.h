/* Inception v3 for weights that come without a graph: the checkpoints of TensorFlow-Slim, timm and torchvision, and Keras.
 * Source: Szegedy et al. 2015, arXiv:1512.00567; the details are those of the networks that these weights were trained in. */
#ifndef TW_FORMATS_INCEPTION_H
#define TW_FORMATS_INCEPTION_H

#include "formats/weights.h"

/* How the owner of the weights calls them. */
enum inception_names {
    INCEPTION_SLIM,  /* "InceptionV3/Mixed_5b/Branch_0/Conv2d_0a_1x1/weights" */
    INCEPTION_TORCH, /* "Mixed_5b.branch1x1.conv.weight" */
    INCEPTION_KERAS  /* "conv2d_5/kernel", numbered in the order of the network from 0 on */
};

/* Adds the network with input "image" [N,3,299,299] and outputs "PreLogits" [N,2048], "Logits" and "Predictions" (where it has
 * a classifier), with its policy. Fails where a tensor is missing, or of another shape. */
void inception_build(struct build *build, const struct weights *weights, enum inception_names names);
/* Convolutions of the network, each with its batch norm; 94. */
int inception_unit_count(void);
/* Keras numbers layers in its files by their depth, the farthest from the output first: which unit, in the order of the
 * network, is the one at that place. */
int inception_unit_by_depth(int place);
/* The names that the weights have; fails where they are of another network. */
void inception_build_by_names(struct build *build, const struct weights *weights);

#endif
