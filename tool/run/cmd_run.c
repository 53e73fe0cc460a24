/* SPDX-License-Identifier: MIT */
/* vpmu run: runs a bare-metal guest on the embedded machine. */
#include <string.h>

#include "command.h"
#include "lib/message.h"
#include "lib/visible.h"
#include "run.h"

#define MIB    UINT64_C(0x100000)
#define SECOND UINT64_C(1000000)

#define OPTION(text, field) .name = (text), .offset = offsetof(struct run_options, field)

static const struct option_row rows[] = {
	{OPTION("model", model), .value = "NAME[,key=value...]",
         .about = "the guest's PMU; 'vpmu models' lists them\n(default intel-v2; with --cpu kvm "
                  "all of KVM's)",
         .kind = OPTION_TEXT},
	{OPTION("profile", profile), .tag = RUN_BY_INSTRUCTION, .value = "NAME",
         .about = "whose behaviour it shows (default hardware)", .kind = OPTION_TEXT},
	{OPTION("host", host), .tag = RUN_BY_INSTRUCTION, .value = "KEY=VALUE,...",
         .about = "another host under a kernel's profile ('vpmu models\n--help' has the keys)",
         .kind = OPTION_TEXT},
	{OPTION("memory", memory), .value = "SIZE",
         .about = "the guest's memory, 2M to 4G (default 512M)", .kind = OPTION_SIZE,
         .min = 2 * MIB, .max = 4096 * MIB},
	{OPTION("append", append), .value = "ARGS", .about = "the guest's command line",
         .kind = OPTION_TEXT},
	{OPTION("cpu", cpu), .value = "emulated|kvm|auto",
         .about = "what executes the guest (default auto)", .kind = OPTION_TEXT},
	{OPTION("max-instructions", max_instructions), .tag = RUN_BY_INSTRUCTION, .value = "N",
         .about = "end after N guest instructions", .kind = OPTION_COUNT, .min = 1,
         .max = INT64_MAX},
	{OPTION("timeout", timeout_us), .value = "SECONDS",
         .about = "end after that much real time", .kind = OPTION_SECONDS, .min = 1000,
         .max = 365 * 24 * 3600 * SECOND},
	{OPTION("reset-at", reset_at), .tag = RUN_BY_INSTRUCTION, .value = "N",
         .about = "reset the machine after N guest instructions", .kind = OPTION_COUNT, .min = 1,
         .max = INT64_MAX},
	{OPTION("migrate-at", migrate_at), .tag = RUN_BY_INSTRUCTION, .value = "N[,N...]",
         .about = "save, tear down and restore there, in this process", .kind = OPTION_TEXT},
	{OPTION("save", save), .tag = RUN_BY_INSTRUCTION, .value = "FILE",
         .about = "save the machine to FILE and end, with --at", .kind = OPTION_TEXT},
	{OPTION("restore", restore), .tag = RUN_BY_INSTRUCTION, .value = "FILE",
         .about = "go on with a saved machine; no GUEST", .kind = OPTION_TEXT},
	{OPTION("migrate-to", migrate_to), .tag = RUN_BY_INSTRUCTION, .value = "ADDRESS",
         .about = "hand the running guest to another process:\nunix:PATH or tcp:HOST:PORT",
         .kind = OPTION_TEXT},
	{OPTION("listen", listen), .tag = RUN_BY_INSTRUCTION, .value = "ADDRESS",
         .about = "take a guest handed over; no GUEST", .kind = OPTION_TEXT},
	{OPTION("at", at), .tag = RUN_BY_INSTRUCTION, .value = "N",
         .about = "when: after N guest instructions", .kind = OPTION_COUNT, .min = 1,
         .max = INT64_MAX},
	{OPTION("downtime", downtime_us), .tag = RUN_BY_INSTRUCTION, .value = "SECONDS",
         .about = "the longest that a guest may stand still to be handed\nover (default 10)",
         .kind = OPTION_SECONDS, .min = 1000, .max = 3600 * SECOND},
	{OPTION("migrate-timeout", migrate_timeout_us), .tag = RUN_BY_INSTRUCTION,
         .value = "SECONDS",
         .about = "the longest that its memory may be sent while it runs\n(default 300)",
         .kind = OPTION_SECONDS, .min = 1000, .max = 365 * 24 * 3600 * SECOND},
	{OPTION("allow-remote", allow_remote), .tag = RUN_BY_INSTRUCTION,
         .about = "let ADDRESS be another host's; nothing is encrypted\nor authenticated",
         .kind = OPTION_FLAG},
	{OPTION("order", order), .tag = RUN_BY_INSTRUCTION, .value = "ORDER",
         .about = "the order of the PMU's writes (default safe)", .kind = OPTION_TEXT},
	{OPTION("stat", stat), .about = "print a table of every counter at the end, on stderr",
         .kind = OPTION_FLAG},
	{OPTION("interval", interval), .tag = RUN_BY_INSTRUCTION, .value = "N",
         .about = "print what was counted in each N guest instructions,\non stderr",
         .kind = OPTION_COUNT, .min = 1000, .max = INT64_MAX},
	{OPTION("csv", csv), .value = "SEP",
         .about = "with --stat and --interval: values with SEP between them,\nas of perf stat -x",
         .kind = OPTION_TEXT},
	{OPTION("timeline", timeline), .tag = RUN_BY_INSTRUCTION, .value = "FILE",
         .about = "write what happened to the PMU as a Chrome trace\n(opens in Perfetto)",
         .kind = OPTION_TEXT},
	ARGS_JSON(struct run_options,
                  "print only a JSON document (docs/json.md), with the\nguest's output in it"),
};

static const char notes[] =
	"--cpu emulated is exact to the instruction, with any PMU. --cpu kvm runs the guest\n"
	"through /dev/kvm on KVM's own PMU, or with --model NAME,pmu=off on any KVM.\n"
	"\n"
	"GUEST is an ELF64 file, or a multiboot 1 image in ELF32 or ELF64. Its serial port\n"
	"(0x3f8) is standard output. It ends by writing a value V to port 0xf4.\n"
	"\n"
	"Exit status: (V << 1) | 1, as with QEMU's isa-debug-exit; otherwise\n"
	"  124  --timeout                130  interrupted (SIGINT, SIGTERM)\n"
	"  126  --max-instructions       160  halted for ever\n"
	"  128  triple fault             162  an instruction that is not supported\n"
	"  164  the output could not be written\n"
	"  166  --listen, and a migration brought no guest\n"
	"    0  --save, --migrate-to: done\n"
	"    2  bad usage or guest file    3  this build or host lacks something\n";

/* Options that go together, and words that are no numbers. */
static int check(const struct command *self, const struct run_options *options)
{
	if (options->memory % MIB) {
		message("not a whole number of MiB: --memory");
		return TOOL_BAD;
	}
	if (options->csv && !options->stat && !options->interval) {
		message("--csv needs --stat or --interval");
		return TOOL_BAD;
	}
	if (options->csv && (!*options->csv || !text_is_plain(options->csv, false) ||
	                     strpbrk(options->csv, "0123456789.<>%/"))) {
		message("not a separator of values: --csv '%s' (a comma, a semicolon, a bar)",
		        options->csv);
		return TOOL_BAD;
	}
	return run_cpu_check(self, options);
}

#if !HAVE_MACHINE
int run_guest(const struct run_options *options, const char *guest)
{
	message("this build has no machine: %s (build it with Unicorn and Zydis, or on a Linux "
	        "that has KVM's headers)",
	        guest);
	return TOOL_LACKS;
}

int life_check(const struct run_options *options, bool has_guest)
{
	return TOOL_HOLDS;
}

int run_cpu_check(const struct command *command, const struct run_options *options)
{
	return TOOL_HOLDS;
}
#endif

static int run(const struct command *self, int argc, char **argv)
{
	struct run_options options = {.cpu = "auto", .memory = 512 * MIB};
	const char *operands[ARGS_OPERANDS];
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	status = check(self, &options);
	if (!status)
		status = life_check(&options, operands[0]);
	return status ? status : run_guest(&options, operands[0] ? operands[0] : "-");
}

const struct command cmd_run = {
	.name = "run",
	.operands = "[GUEST]",
	.about = "Run a bare-metal guest program on a machine with a virtual PMU",
	.notes = notes,
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 0,
	.operand_max = 1,
	.output_failed = RUN_OUTPUT_FAILED,
	.run = run,
};
