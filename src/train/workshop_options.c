#include "train/workshop_options.h"

#include "base/memory.h"
#include "train/recipes.h"

#include <stdio.h>

struct tw_recipe_options workshop_defaults(const struct tw_recipe_options *given)
{
    struct tw_recipe_options options = *given;
    options.steps = options.steps ? options.steps : 1000;
    options.batch = options.batch ? options.batch : 100;
    options.hidden = options.hidden ? options.hidden : 512;
    options.dropout = options.dropout >= 0 ? options.dropout : 0.5;
    options.learning_rate = options.learning_rate > 0 ? options.learning_rate : 1e-3;
    options.adam_epsilon = options.adam_epsilon > 0 ? options.adam_epsilon : 1e-3;
    options.momentum = options.momentum >= 0 ? options.momentum : 0.9;
    options.weight_decay = options.weight_decay >= 0 ? options.weight_decay : 0.01;
    if (options.checkpoint_every_steps == 0 && !(options.checkpoint_every_seconds > 0))
        options.checkpoint_every_steps = 100;
    options.keep_checkpoints = options.keep_checkpoints ? options.keep_checkpoints : 2;
    options.eval_every_steps = options.eval_every_steps ? options.eval_every_steps : 100;
    options.threads = options.threads > 0 ? options.threads : 1;
    return options;
}

char *tw_workshop_describe(const struct tw_recipe_options *given)
{
    struct tw_recipe_options o = workshop_defaults(given);
    char length[64], more[256] = "";
    int used = 0;
    snprintf(length, sizeof length, o.epochs > 0 ? "\"epochs\":%zu" : "\"steps\":%zu",
             o.epochs > 0 ? o.epochs : o.steps);
    if (o.optimizer == TW_OPTIMIZER_SGD)
        used = snprintf(more, sizeof more, ",\"optimizer\":\"sgd\",\"momentum\":%.9g", o.momentum);
    if (o.optimizer == TW_OPTIMIZER_ADAMW)
        used = snprintf(more, sizeof more, ",\"optimizer\":\"adamw\",\"weight_decay\":%.9g", o.weight_decay);
    if (o.schedule != TW_SCHEDULE_CONSTANT || o.warm_up > 0)
        used += snprintf(more + used, sizeof more - (size_t)used, ",\"schedule\":\"%s\",\"warm_up\":%zu",
                         tw_schedule_name(o.schedule), o.warm_up);
    if (o.patience > 0)
        snprintf(more + used, sizeof more - (size_t)used, ",\"patience\":%zu", o.patience);
    return tw_format("{\"recipe\":\"workshop\",\"seed\":%llu,%s,\"batch\":%zu,\"hidden\":%zu,\"dropout\":%.9g,"
                     "\"learning_rate\":%.9g,\"adam_epsilon\":%.9g,\"label_smoothing\":%.9g,\"mixup\":%.9g%s%s}",
                     (unsigned long long)o.seed, length, o.batch, o.hidden, o.dropout, o.learning_rate, o.adam_epsilon,
                     o.label_smoothing, o.mixup, more, o.is_multi_label ? ",\"multi_label\":true" : "");
}
