/* SPDX-License-Identifier: MIT */
/* Trees of files in a scratch folder. */
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_kvm.h"

struct tree tree_make(void)
{
	struct tree tree = {"/tmp/vpmu-tree-XXXXXX"};

	assert_non_null(mkdtemp(tree.root));
	return tree;
}

static void make_parents(char *path)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
}

void tree_file(const struct tree *tree, const char *path, const char *text)
{
	char whole[256];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s%s", tree->root, path);
	make_parents(whole);
	file = fopen(whole, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void tree_directory(const struct tree *tree, const char *path)
{
	char whole[256];

	snprintf(whole, sizeof(whole), "%s%s/", tree->root, path);
	make_parents(whole);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	return remove(path);
}

void tree_remove(const struct tree *tree)
{
	assert_int_equal(nftw(tree->root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

struct tree tree_of_good_host(const char *vendor_module)
{
	struct tree tree = tree_make();
	char path[128];

	tree_file(&tree, "/proc/sys/kernel/osrelease", "6.12.117-amd64\n");
	tree_file(&tree, "/proc/sys/kernel/nmi_watchdog", "0\n");
	tree_directory(&tree, "/sys/bus/event_source/devices/cpu");
	tree_file(&tree, "/sys/module/kvm/parameters/enable_pmu", "Y\n");
	tree_file(&tree, "/sys/module/kvm/parameters/ignore_msrs", "N\n");
	snprintf(path, sizeof(path), "/sys/module/%s/parameters/enable_mediated_pmu",
	         vendor_module);
	tree_file(&tree, path, "N\n");
	return tree;
}
