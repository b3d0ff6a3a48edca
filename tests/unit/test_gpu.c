/* The GPU catalogue: every spelling in the provider sheets finds its row, slices and strangers find none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/gpu.h"
#include "base/str.h"

static const struct {
	const char *text, *name; /* NULL: no row */
} spellings[] = {
	/* Hot Aisle, and what the machine says of itself */
	{ "MI300X", "MI300X" },
	{ "MI355X", "MI355X" },
	{ "AMD Instinct MI300X VF", "MI300X" },
	/* RunPod, id and display name */
	{ "AMD Instinct MI300X OAM", "MI300X" },
	{ "NVIDIA H100 80GB HBM3", "H100" },
	{ "H100 SXM", "H100" },
	{ "NVIDIA H100 PCIe", "H100 PCIe" },
	{ "NVIDIA H100 NVL", "H100 NVL" },
	{ "NVIDIA H200", "H200" },
	{ "H200 SXM", "H200" },
	{ "NVIDIA H200 NVL", "H200 NVL" },
	{ "NVIDIA A100-SXM4-80GB", "A100" },
	{ "NVIDIA A100 80GB PCIe", "A100 PCIe" },
	{ "NVIDIA B200", "B200" },
	{ "NVIDIA B300 SXM6 AC", "B300" },
	{ "NVIDIA L40S", "L40S" },
	{ "NVIDIA L40", "L40" },
	{ "NVIDIA L4", "L4" },
	{ "NVIDIA A40", "A40" },
	{ "NVIDIA A30", "A30" },
	{ "NVIDIA GeForce RTX 4090", "RTX 4090" },
	{ "NVIDIA GeForce RTX 5090", "RTX 5090" },
	{ "NVIDIA GeForce RTX 3090", "RTX 3090" },
	{ "NVIDIA GeForce RTX 3090 Ti", "RTX 3090 Ti" },
	{ "NVIDIA GeForce RTX 4080 SUPER", "RTX 4080 SUPER" },
	{ "NVIDIA RTX A30", "A30" }, /* as RunPod's document spells it */
	{ "NVIDIA RTX A4000", "RTX A4000" },
	{ "NVIDIA RTX A5000", "RTX A5000" },
	{ "NVIDIA RTX A6000", "RTX A6000" },
	{ "NVIDIA A5000 Ada", "RTX 5000 Ada" },
	{ "NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada" },
	{ "NVIDIA RTX 4000 Ada Generation", "RTX 4000 Ada" },
	{ "NVIDIA RTX 4000 SFF Ada Generation", "RTX 4000 SFF Ada" },
	{ "NVIDIA RTX PRO 4500 Blackwell", "RTX PRO 4500" },
	{ "NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000" },
	{ "NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "RTX PRO 6000" },
	{ "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "RTX PRO 6000 Max-Q" },
	{ "Tesla V100-PCIE-16GB", "V100" },
	{ "Tesla V100-FHHL-16GB", "V100" },
	{ "Tesla V100-SXM2-32GB", "V100 32GB" },
	{ "Tesla V100-SXM2-16GB", "V100" },
	{ "Tesla V100-PCIE-32GB", "V100 32GB" },
	{ "NVIDIA  A30", "A30" },
	{ "NVIDIA GeForce RTX 3070", "RTX 3070" },
	{ "NVIDIA GeForce RTX 3080", "RTX 3080" },
	{ "NVIDIA GeForce RTX 3080 Ti", "RTX 3080 Ti" },
	{ "NVIDIA GeForce RTX 3080TI", "RTX 3080 Ti" },
	{ "NVIDIA GeForce RTX 4070 Ti", "RTX 4070 Ti" },
	{ "NVIDIA GeForce RTX 4080", "RTX 4080" },
	{ "NVIDIA GeForce RTX 5080", "RTX 5080" },
	{ "NVIDIA RTX 2000 Ada Generation", "RTX 2000 Ada" },
	{ "NVIDIA RTX 5000 Ada Generation", "RTX 5000 Ada" },
	{ "NVIDIA RTX A2000", "RTX A2000" },
	{ "NVIDIA  RTX A4500", "RTX A4500" },
	/* DigitalOcean: model */
	{ "amd_mi300x", "MI300X" },
	{ "amd_mi325x", "MI325X" },
	{ "amd_mi350x", "MI350X" },
	{ "amd_mi355x", "MI355X" },
	{ "nvidia_h100", "H100" },
	{ "nvidia_h200", "H200" },
	{ "nvidia_b300", "B300" },
	{ "nvidia_l40s", "L40S" },
	{ "nvidia_rtx6000_ada", "RTX 6000 Ada" },
	{ "nvidia_rtx4000_ada", "RTX 4000 Ada" },
	{ "6000ada", "RTX 6000 Ada" },
	/* vast.ai */
	{ "H100 PCIE", "H100 PCIe" },
	{ "GH200 SXM", "GH200" },
	{ "A100 SXM4", "A100" },
	{ "A100 SXM", "A100" },
	{ "A100 PCIE", "A100 PCIe" },
	{ "A100X", "A100X" },
	{ "RTX 6000Ada", "RTX 6000 Ada" },
	{ "RTX_4090", "RTX 4090" },
	{ "RTX 3060 Ti", "RTX 3060 Ti" },
	{ "GTX 1080 Ti", "GTX 1080 Ti" },
	{ "Titan V", "Titan V" },
	{ "Q RTX 8000", "Quadro RTX 8000" },
	{ "InstinctMI50", "MI50" },
	{ "InstinctMI100", "MI100" },
	{ "InstinctMI210", "MI210" },
	{ "InstinctMI250X", "MI250X" },
	{ "InstinctMI300X", "MI300X" },
	{ "InstinctMI325X", "MI325X" },
	/* amd-smi, rocm-smi, nvidia-smi */
	{ "AMD Instinct MI300X", "MI300X" },
	{ "AMD Instinct MI250X / MI250", NULL },
	{ "AMD Radeon AI PRO R9700", "R9700" },
	{ "AMD Radeon PRO W7900", "W7900" },
	{ "AMD Radeon RX 7900 XTX", "RX 7900 XTX" },
	{ "NVIDIA A100-SXM4-40GB", "A100 40GB" },
	{ "NVIDIA A100-PCIE-40GB", "A100 40GB" },
	{ "NVIDIA GH200 480GB", "GH200" },
	{ "Tesla T4", "T4" },
	/* people */
	{ "mi300x", "MI300X" },
	{ "h100", "H100" },
	{ "H100_SXM", "H100" },
	{ "H100SXM5", "H100" },
	{ "h100-80gb", "H100" },
	{ "H100 80 GB", "H100" },
	{ "H100-NVL", "H100 NVL" },
	{ "A100 80G", "A100" },
	{ "a100-40gb", "A100 40GB" },
	{ "A100 40 GB", "A100 40GB" },
	{ "A100 SXM4 39GB", "A100 40GB" },
	{ "A100 SXM4 79GB", "A100" },
	{ "4090", "RTX 4090" },
	{ "rtx4090", "RTX 4090" },
	{ "  MI210 ", "MI210" },
	{ "a6000", "RTX A6000" },
	{ "L40 S", "L40S" },
	/* names of sizes, not of GPUs */
	{ "H100 GPU - 1X", NULL },
	{ "gpu-h100x8-640gb", NULL },
	/* no whole GPU of ours */
	{ "NVIDIA H100 80GB HBM3 MIG 1g.10gb", NULL },
	{ "NVIDIA RTX PRO 6000 Blackwell Server Edition MIG 1g.24gb", NULL },
	{ "H100 2g.20gb", NULL },
	{ "a100-mig-3g", NULL },
	{ "RTX 4090 Laptop GPU", NULL },
	{ "H1000", NULL },
	{ "H10", NULL },
	{ "100", NULL },
	{ "RTX 6000", NULL }, /* three different cards are called so */
	{ "", NULL },
	{ "   ", NULL },
	{ "NVIDIA", NULL },
	{ "80GB", NULL },
	{ "|", NULL },
	{ "h100|h200", NULL },
	{ "H100\xc2\xa0SXM", NULL },
	{ "Imaginary RTX 9999", NULL },
};

static void test_every_spelling(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		const struct gpu *g = gpu_find(spellings[i].text);

		if (!g != !spellings[i].name || (g && strcmp(g->name, spellings[i].name)))
			fail_msg("\"%s\": found %s, expected %s", spellings[i].text, g ? g->name : "none",
				 spellings[i].name ? spellings[i].name : "none");
	}
	assert_null(gpu_find(NULL));
}

static void test_rows_are_sane(void **state)
{
	size_t n;
	const struct gpu *all = gpu_all(&n);

	(void)state;
	assert_true(n >= 40);
	for (size_t i = 0; i < n; i++) {
		assert_int_not_equal(all[i].vendor, GPU_VENDOR_UNKNOWN);
		if (all[i].vendor == GPU_VENDOR_CPU) {
			assert_int_equal(all[i].memory_gb, 0);
			assert_string_equal(all[i].arch, "x86_64");
		} else {
			assert_in_range(all[i].memory_gb, 8, 512);
			assert_true(str_starts(all[i].arch, all[i].vendor == GPU_VENDOR_AMD ? "gfx" : "sm_"));
		}
		assert_true(strlen(all[i].name) < 32);
		/* a canonical name finds its own row, whatever the case and the separators */
		if (gpu_find(all[i].name) != &all[i])
			fail_msg("%s does not find itself", all[i].name);
		char changed[64];

		for (size_t k = 0; k <= strlen(all[i].name); k++) {
			char c = all[i].name[k];

			changed[k] = c == ' ' ? '-' : c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
		}
		assert_ptr_equal(gpu_find(changed), &all[i]);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(all[i].name, all[k].name);
	}
}

static void test_golden_figures(void **state)
{
	(void)state;
	assert_int_equal(gpu_find("mi300x")->memory_gb, 192);
	assert_int_equal(gpu_find("mi300x")->bandwidth_gbs, 5300);
	assert_string_equal(gpu_find("mi300x")->arch, "gfx942");
	assert_int_equal(gpu_find("mi325x")->memory_gb, 256);
	assert_int_equal(gpu_find("mi325x")->bandwidth_gbs, 6000);
	assert_int_equal(gpu_find("h100")->bandwidth_gbs, 3350);
	assert_string_equal(gpu_find("h100")->arch, "sm_90");
	assert_int_equal(gpu_find("h200")->memory_gb, 141);
	assert_int_equal(gpu_find("h200")->bandwidth_gbs, 4800);
	assert_int_equal(gpu_find("mi355x")->memory_gb, 288);
	assert_string_equal(gpu_find("mi355x")->arch, "gfx950");
	assert_int_equal(gpu_find("mi210")->memory_gb, 64);
	assert_string_equal(gpu_find("mi250x")->arch, "gfx90a");
	assert_int_equal(gpu_find("a100")->bandwidth_gbs, 2039);
	assert_string_equal(gpu_find("b200")->arch, "sm_100");
	assert_string_equal(gpu_find("rtx 5090")->arch, "sm_120");
	assert_int_equal(gpu_find("l40s")->memory_gb, 48);
	assert_int_equal(gpu_find("t4")->memory_gb, 16);
	assert_int_equal(gpu_find("r9700")->bandwidth_gbs, 640);
	assert_string_equal(gpu_find("r9700")->arch, "gfx1201");
}

/* A name in the table of peaks that is none of the catalogue's would lower the count. */
static void test_peaks(void **state)
{
	size_t count, known = 0;
	const struct gpu *g = gpu_all(&count);

	(void)state;
	for (size_t k = 0; k < count; k++) {
		double peak = gpu_peak_tflops(g[k].name);

		known += peak > 0;
		assert_true(peak >= 0 && peak < 5000);
		/* No card computes faster than 2000 operations for each byte that its memory gives. */
		assert_true(peak * 1000 <= 2000.0 * g[k].bandwidth_gbs);
	}
	assert_int_equal(known, 45);
	assert_true(gpu_peak_tflops("MI210") == 181.0);
	assert_true(gpu_peak_tflops("H100") > gpu_peak_tflops("H100 PCIe"));
	assert_true(gpu_peak_tflops("mi210") == 0 && gpu_peak_tflops("") == 0);
}

static void test_canonical(void **state)
{
	char out[32], tiny[4];
	char long_text[5000];

	(void)state;
	gpu_canonical("H100_SXM", out, sizeof(out));
	assert_string_equal(out, "H100");
	gpu_canonical("  Imaginary RTX 9999\t", out, sizeof(out));
	assert_string_equal(out, "Imaginary RTX 9999");
	gpu_canonical("X\x1b]52;c;QUJD\x07", out, sizeof(out));
	assert_null(strchr(out, 0x1b));
	assert_null(strchr(out, 0x07));
	gpu_canonical("", out, sizeof(out));
	assert_string_equal(out, "");
	gpu_canonical(NULL, out, sizeof(out));
	assert_string_equal(out, "");
	gpu_canonical("MI300X", tiny, sizeof(tiny));
	assert_string_equal(tiny, "MI3");
	gpu_canonical("zz\xc3\xa4", tiny, sizeof(tiny)); /* not cut inside the letter */
	assert_string_equal(tiny, "zz");
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	gpu_canonical(long_text, out, sizeof(out));
	assert_int_equal(strlen(out), sizeof(out) - 1);
	memset(long_text, 0xff, sizeof(long_text) - 1);
	gpu_canonical(long_text, out, sizeof(out));
	assert_true(str_is_utf8(out, strlen(out)));
}

static void test_spec(void **state)
{
	static const struct {
		const char *text, *name;
		int count;
	} good[] = {
		{ "MI300X", "MI300X", 0 },
		{ "mi300x:8", "MI300X", 8 },
		{ "h100_sxm:2", "H100", 2 },
		{ "H100 PCIe:1", "H100 PCIe", 1 },
		{ "Strange:4", "Strange", 4 },
		{ "epyc:2", "EPYC", 2 }, /* a host without a GPU */
	};
	static const char *const bad[] = {
		"", ":", ":8", " :8", "MI300X:", "MI300X:0", "MI300X:-1", "MI300X:x", "MI300X:8x", "MI300X:8 ", "MI300X: 8",
		"MI300X:1.5", "MI300X:99999", "MI300X:99999999999999999999", "MI300X:8:8", "MI300X:+8",
	};
	char name[32];
	int count;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		count = -1;
		assert_true(gpu_spec_parse(good[i].text, name, sizeof(name), &count));
		assert_string_equal(name, good[i].name);
		assert_int_equal(count, good[i].count);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (gpu_spec_parse(bad[i], name, sizeof(name), &count))
			fail_msg("\"%s\" was taken", bad[i]);
}

static void test_nearest(void **state)
{
	(void)state;
	assert_string_equal(gpu_nearest("MI30X"), "MI300X");
	assert_string_equal(gpu_nearest("mi300"), "MI300X");
	assert_string_equal(gpu_nearest("RTX 409"), "RTX 4090");
	assert_string_equal(gpu_nearest("h100_sxm"), "H100");
	assert_null(gpu_nearest("banana-split"));
	assert_null(gpu_nearest(""));
	assert_null(gpu_nearest(NULL));
	assert_string_equal(gpu_vendor_name(GPU_VENDOR_AMD), "AMD");
	assert_string_equal(gpu_vendor_name(GPU_VENDOR_NVIDIA), "NVIDIA");
	assert_string_equal(gpu_vendor_name(GPU_VENDOR_UNKNOWN), "unknown");
}

/* Any bytes: no crash, and what is found is a row. */
static void test_any_bytes(void **state)
{
	static const char alphabet[] = "mihlar0123456789xgb -_.:|\xff\xc3\xa4""MIG";
	uint32_t seed = 12345;
	char text[160], out[32];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t n = (seed >> 8) % sizeof(text);

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525u + 1013904223u;
			text[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		seed = seed * 1664525u + 1013904223u;
		text[n < sizeof(text) ? n : sizeof(text) - 1] = '\0';
		gpu_canonical(text, out, sizeof(out));
		assert_true(strlen(out) < sizeof(out));
		assert_true(str_is_utf8(out, strlen(out)));
		gpu_nearest(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_spelling), cmocka_unit_test(test_rows_are_sane),
		cmocka_unit_test(test_golden_figures), cmocka_unit_test(test_canonical), cmocka_unit_test(test_peaks),
		cmocka_unit_test(test_spec),           cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
