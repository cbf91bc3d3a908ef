#include "base/cpus.h"

#include "scratch.h"

#include <sched.h>

/* Files below the test's folder, with the folders that they lie in. */
static void put(const char *path, const char *text)
{
    char folder[256];
    for (size_t i = 1; path[i]; i++) {
        snprintf(folder, sizeof folder, "%.*s", (int)i, path);
        if (path[i] == '/')
            (void)mkdir(folder, 0777);
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void there_is_at_least_one_core(void **state)
{
    (void)state;
    assert_in_range(tw_cpu_count(), 1, CPU_SETSIZE);
}

static void cores_outside_the_affinity_mask_do_not_count(void **state)
{
    (void)state;
    cpu_set_t usual, one;
    assert_int_equal(sched_getaffinity(0, sizeof usual, &usual), 0);
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &usual))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    int count = tw_cpu_count();
    assert_int_equal(sched_setaffinity(0, sizeof usual, &usual), 0);
    assert_int_equal(count, 1);
}

static void quota_of_version_2_is_rounded_up(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/\n");
    assert_int_equal(tw_cpu_quota("."), 0);
    put("sys/fs/cgroup/cpu.max", "max 100000\n");
    assert_int_equal(tw_cpu_quota("."), 0);
    put("sys/fs/cgroup/cpu.max", "250000 100000\n");
    assert_int_equal(tw_cpu_quota("."), 3);
    put("sys/fs/cgroup/cpu.max", "20000 100000\n");
    assert_int_equal(tw_cpu_quota("."), 1);
}

static void least_quota_of_a_group_and_those_above_counts(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/jobs/mine\n");
    put("sys/fs/cgroup/jobs/mine/cpu.max", "800000 100000\n");
    put("sys/fs/cgroup/jobs/cpu.max", "500000 100000\n");
    assert_int_equal(tw_cpu_quota("."), 5);
    put("sys/fs/cgroup/jobs/mine/cpu.max", "400000 100000\n");
    assert_int_equal(tw_cpu_quota("."), 4);
    put("sys/fs/cgroup/jobs/mine/cpu.max", "max 100000\n");
    assert_int_equal(tw_cpu_quota("."), 5);
}

static void quota_of_version_1_counts_also_in_a_container(void **state)
{
    (void)state;
    put("proc/self/cgroup", "12:cpuset:/\n3:cpu,cpuacct:/docker/abc\n0::/docker/abc\n");
    put("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "150000\n");
    put("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "50000\n");
    assert_int_equal(tw_cpu_quota("."), 3);
    put("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(tw_cpu_quota("."), 0);
    /* What a container sees of it: its own group is the mount itself. */
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000\n");
    assert_int_equal(tw_cpu_quota("."), 2);
}

static void files_of_nonsense_limit_nothing(void **state)
{
    static const char *const bad[] = {"", "0", "0::", "::::", "0::/../../x", "1:cpu", "1:cpu:\n2:cpu:/x\n"};
    static const char *const limits[] = {"", "x", "0 0\n", "100000 0\n", "-5 100000\n", "100000"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put("proc/self/cgroup", bad[i]);
        assert_int_equal(tw_cpu_quota("."), 0);
    }
    put("proc/self/cgroup", "0::/\n");
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        put("sys/fs/cgroup/cpu.max", limits[i]);
        assert_int_equal(tw_cpu_quota("."), 0);
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_at_least_one_core),
        cmocka_unit_test(cores_outside_the_affinity_mask_do_not_count),
        IN_FOLDER(quota_of_version_2_is_rounded_up),
        IN_FOLDER(least_quota_of_a_group_and_those_above_counts),
        IN_FOLDER(quota_of_version_1_counts_also_in_a_container),
        IN_FOLDER(files_of_nonsense_limit_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
