#include "serve/rate.h"

#include "base/hash.h"
#include "base/memory.h"

#include <pthread.h>
#include <string.h>

enum { SETS = 1024, WAYS = 8, ADDRESS_SIZE = 48 };

struct bucket {
    char address[ADDRESS_SIZE];
    double left, seen_s;
};

struct tw_rate {
    double per_second, most;
    pthread_mutex_t lock; /* guards the buckets */
    struct bucket buckets[SETS][WAYS];
};

enum tw_status tw_rate_new(double per_second, struct tw_rate **rate, struct tw_error *error)
{
    struct tw_rate *made = tw_alloc(1, sizeof *made);
    if (!made)
        return tw_fail_memory(error, sizeof *made, "the rates of addresses");
    made->per_second = per_second;
    made->most = per_second * 2 > 1 ? per_second * 2 : 1;
    pthread_mutex_init(&made->lock, NULL);
    *rate = made;
    return TW_OK;
}

void tw_rate_free(struct tw_rate *rate)
{
    if (!rate)
        return;
    pthread_mutex_destroy(&rate->lock);
    tw_free(rate);
}

/* The address's bucket, or the one of its set that was not seen for the longest, made its own. */
static struct bucket *find(struct tw_rate *rate, const char *address, double now_s)
{
    struct bucket *set = rate->buckets[tw_crc32c(0, address, strlen(address)) % SETS], *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (strcmp(set[i].address, address) == 0)
            return &set[i];
        if (set[i].seen_s < oldest->seen_s)
            oldest = &set[i];
    }
    *oldest = (struct bucket){.left = rate->most, .seen_s = now_s};
    strncpy(oldest->address, address, ADDRESS_SIZE - 1);
    return oldest;
}

bool tw_rate_allow(struct tw_rate *rate, const char *address, double now_s)
{
    pthread_mutex_lock(&rate->lock);
    struct bucket *bucket = find(rate, address, now_s);
    bucket->left += (now_s - bucket->seen_s) * rate->per_second;
    if (bucket->left > rate->most)
        bucket->left = rate->most;
    bucket->seen_s = now_s;
    bool is_allowed = bucket->left >= 1;
    if (is_allowed)
        bucket->left -= 1;
    pthread_mutex_unlock(&rate->lock);
    return is_allowed;
}
