#include "engine/vector/spin.h"

#include "engine/isa.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CHAINS = 12, TILES = 4 };
#define UNROLL _Pragma("GCC unroll 16")

__attribute__((target("avx512f,avx512bf16"))) static float spin_bf16(int rounds)
{
    __m512 chains[CHAINS];
    __m512bh factor = (__m512bh)_mm512_set1_epi32(0x3f003f00);
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        chains[i] = _mm512_set1_ps((float)i);
    for (int round = 0; round < rounds; round++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++)
            chains[i] = _mm512_dpbf16_ps(chains[i], factor, factor);
    }
    UNROLL
    for (int i = 1; i < CHAINS; i++)
        chains[0] = _mm512_add_ps(chains[0], chains[i]);
    return _mm512_reduce_add_ps(chains[0]);
}

__attribute__((target("avx512f,avx512vnni"))) static float spin_whole_512(int rounds)
{
    __m512i chains[CHAINS], factor = _mm512_set1_epi32(0x01020304);
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        chains[i] = _mm512_set1_epi32(i);
    for (int round = 0; round < rounds; round++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++)
            chains[i] = _mm512_dpbusd_epi32(chains[i], factor, factor);
    }
    UNROLL
    for (int i = 1; i < CHAINS; i++)
        chains[0] = _mm512_add_epi32(chains[0], chains[i]);
    return (float)_mm512_reduce_add_epi32(chains[0]);
}

__attribute__((target("avx2,avxvnni"))) static float spin_whole_256(int rounds)
{
    __m256i chains[CHAINS], factor = _mm256_set1_epi32(0x01020304);
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        chains[i] = _mm256_set1_epi32(i);
    for (int round = 0; round < rounds; round++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++)
            chains[i] = _mm256_dpbusd_avx_epi32(chains[i], factor, factor);
    }
    UNROLL
    for (int i = 1; i < CHAINS; i++)
        chains[0] = _mm256_add_epi32(chains[0], chains[i]);
    return (float)_mm256_extract_epi32(chains[0], 0);
}

/* Eight tiles of 16 rows of 64 bytes: four of sums, two of each factor. */
struct tile_shapes {
    uint8_t palette, start_row, unused[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

__attribute__((target("amx-tile"))) static void begin_tiles(void)
{
    struct tile_shapes shapes = {.palette = 1};
    uint8_t zeros[16 * 64] = {0};
    for (int i = 0; i < 8; i++) {
        shapes.row_bytes[i] = 64;
        shapes.rows[i] = 16;
    }
    _tile_loadconfig(&shapes);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, zeros, 64);
    _tile_loadd(5, zeros, 64);
    _tile_loadd(6, zeros, 64);
    _tile_loadd(7, zeros, 64);
}

__attribute__((target("amx-tile,amx-bf16"))) static float spin_bf16_tiles(int rounds)
{
    begin_tiles();
    for (int round = 0; round < rounds; round++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_release();
    return 0;
}

__attribute__((target("amx-tile,amx-int8"))) static float spin_whole_tiles(int rounds)
{
    begin_tiles();
    for (int round = 0; round < rounds; round++) {
        _tile_dpbusd(0, 4, 6);
        _tile_dpbusd(1, 4, 7);
        _tile_dpbusd(2, 5, 6);
        _tile_dpbusd(3, 5, 7);
    }
    _tile_release();
    return 0;
}

/* Linux gives a process tiles when it asks for them. */
static bool may_use_tiles(void)
{
    enum { REQUEST = 0x1023, TILE_DATA = 18 };
    return tw_isa_has_amx() && syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
}

bool vector_spin_narrow(bool is_whole, struct vector_spin *spin)
{
    const double tile_products = 16.0 * 16 * 16;
    if (may_use_tiles())
        *spin = is_whole ? (struct vector_spin){spin_whole_tiles, 2 * TILES * tile_products * 4}
                         : (struct vector_spin){spin_bf16_tiles, 2 * TILES * tile_products * 2};
    else if (is_whole && tw_isa_has_vnni())
        *spin = tw_isa_has_avx512() ? (struct vector_spin){spin_whole_512, 2.0 * CHAINS * 64}
                                    : (struct vector_spin){spin_whole_256, 2.0 * CHAINS * 32};
    else if (!is_whole && tw_isa_has_bf16())
        *spin = (struct vector_spin){spin_bf16, 2.0 * CHAINS * 32};
    else
        return false;
    return true;
}
#else
bool vector_spin_narrow(bool is_whole, struct vector_spin *spin)
{
    (void)is_whole, (void)spin;
    return false;
}
#endif
