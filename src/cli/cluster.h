/* TF_CONFIG: the environment by which TensorFlow's job scripts tell a process its role. One process does the whole
 * training here, so that the others have nothing to do and say so. */
#ifndef TW_CLI_CLUSTER_H
#define TW_CLI_CLUSTER_H

#include "base/status.h"

#include <stdbool.h>

/* `text` is TF_CONFIG's, or NULL. *trains: this process is the one: a chief or master, worker 0 where the cluster names
 * neither, or there is no cluster. `role` gets "worker 2" for people. No JSON object, or a task without type or with an index
 * that is no number from 0: TW_INVALID. */
enum { TW_ROLE_BYTES = 64 };
enum tw_status tw_cluster_role(const char *text, bool *trains, char role[TW_ROLE_BYTES],
                               struct tw_error *error) TW_MUST_USE;

#endif
