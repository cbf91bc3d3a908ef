#include "base/cpus.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST_PATH = 4096 };

static bool read_number(const char *folder, const char *name, long *number)
{
    char path[LONGEST_PATH + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    bool is_read = fscanf(file, "%ld", number) == 1;
    fclose(file);
    return is_read;
}

/* Version 2: "QUOTA PERIOD" or "max PERIOD" in one file; version 1: a file each, -1 for no quota. */
static bool read_limit(const char *folder, bool is_v1, long *quota, long *period)
{
    char path[LONGEST_PATH + 64];
    if (is_v1)
        return read_number(folder, "cpu.cfs_quota_us", quota) && read_number(folder, "cpu.cfs_period_us", period);
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    bool is_read = fscanf(file, "%ld %ld", quota, period) == 2;
    fclose(file);
    return is_read;
}

/* The least limit of a group and those above it, down to `mount_length` of the path. */
static int least_limit(char *folder, size_t mount_length, bool is_v1)
{
    long least = 0, quota, period;
    for (char *slash;; *slash = 0) {
        if (read_limit(folder, is_v1, &quota, &period) && quota > 0 && period > 0) {
            long cores = quota / period + (quota % period != 0);
            least = least == 0 || cores < least ? cores : least;
        }
        slash = strrchr(folder, '/');
        if (!slash || slash < folder + mount_length)
            return least > 0 && least < 1 << 20 ? (int)least : 0;
    }
}

static bool names_cpu(const char *controllers)
{
    for (const char *at = controllers; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        if (strcspn(at, ",") == 3 && strncmp(at, "cpu", 3) == 0)
            return true;
    }
    return false;
}

/* One line of /proc/self/cgroup: "ID:CONTROLLERS:/PATH"; version 2 has no controllers there. */
static int quota_of_line(const char *root, char *line)
{
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
        return 0;
    *controllers++ = 0;
    *path++ = 0;
    path[strcspn(path, "\n")] = 0;
    bool is_v1 = *controllers != 0;
    if (is_v1 && !names_cpu(controllers))
        return 0;
    static const char *const v1[] = {"sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"};
    static const char *const v2[] = {"sys/fs/cgroup", "sys/fs/cgroup/unified"};
    int least = 0;
    for (int i = 0; i < 2; i++) {
        char folder[LONGEST_PATH];
        size_t mount = (size_t)snprintf(folder, sizeof folder, "%s/%s", root, is_v1 ? v1[i] : v2[i]);
        if (mount >= sizeof folder || mount + strlen(path) >= sizeof folder)
            continue;
        strcpy(folder + mount, strcmp(path, "/") == 0 ? "" : path);
        int limit = least_limit(folder, mount, is_v1);
        least = limit > 0 && (least == 0 || limit < least) ? limit : least;
    }
    return least;
}

int tw_cpu_quota(const char *root)
{
    char line[LONGEST_PATH];
    int least = 0;
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *file = fopen(line, "r");
    while (file && fgets(line, sizeof line, file)) {
        int limit = quota_of_line(root, line);
        least = limit > 0 && (least == 0 || limit < least) ? limit : least;
    }
    if (file)
        fclose(file);
    return least;
}

int tw_cpu_count(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    int quota = tw_cpu_quota("");
    if (quota > 0 && quota < count)
        count = quota;
    return count > 0 ? count : 1;
}
