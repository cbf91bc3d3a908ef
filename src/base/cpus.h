/* How many cores this process may use. */
#ifndef TW_BASE_CPUS_H
#define TW_BASE_CPUS_H

/* The least of the affinity mask and the quota of the process's control groups; at least 1. */
int tw_cpu_count(void);

/* The cores, rounded up, that the control groups of a process allow, of version 1 or 2; 0: no limit. The least of its own group
 * and those above it, as far as they are to be seen, which in a container may be its own only. `root`: "" or, for tests, a folder that has
 * proc/self/cgroup and sys/fs/cgroup. */
int tw_cpu_quota(const char *root);

#endif
