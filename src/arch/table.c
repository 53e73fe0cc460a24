/* SPDX-License-Identifier: MIT */
/* Lookups in the register tables, and the list of a model's registers. */
#include <arch/room_int.h>

bool row_always(const struct vpmu_model *model)
{
	return true;
}

uint64_t row_nothing(const struct vpmu_model *model, unsigned index)
{
	return 0;
}

uint64_t row_all_bits(const struct vpmu_model *model, unsigned index)
{
	return UINT64_MAX;
}

uint64_t row_gp_value(const struct vpmu_model *model, unsigned index)
{
	return width_mask(model->gp_width);
}

uint64_t row_status(const struct vpmu_model *model, unsigned index)
{
	return model_status_bits(model);
}

uint64_t row_reset_zero(const struct vpmu_model *model)
{
	return 0;
}

uint64_t row_reset_gp(const struct vpmu_model *model)
{
	return model_gp_bits(model);
}

const struct reg_table *reg_table_of(enum vpmu_vendor vendor)
{
	return vendor_of(vendor)->registers;
}

const struct reg_table *reg_table_later(enum vpmu_vendor vendor)
{
	return vendor_of(vendor)->later;
}

/* The highest existing fixed counter + 1. */
static unsigned fixed_span(const struct vpmu_model *model)
{
	unsigned span = 0;

	for (unsigned i = 0; i < VPMU_MAX_FIXED; i++)
		if (model->fixed_mask & BIT64(i))
			span = i + 1;
	return span;
}

unsigned reg_row_count(const struct reg_row *row, const struct vpmu_model *model)
{
	if (!model->version || !row->exists(model))
		return 0;
	switch ((enum reg_count)row->count) {
	case REG_ONE:
		return 1;
	case REG_PER_GP:
		return model->gp_count;
	case REG_PER_K7:
		return model->gp_count < K7_COUNTERS ? model->gp_count : K7_COUNTERS;
	case REG_PER_FIXED:
		return fixed_span(model);
	case REG_PER_LBR:
		return model_lbr(model);
	case REG_COUNTS:
		break;
	}
	return 0;
}

bool reg_exists(const struct reg_row *row, const struct vpmu_model *model, unsigned index)
{
	if (index >= reg_row_count(row, model))
		return false;
	if (row->count == REG_PER_GP)
		return model_gp_bits(model) & BIT64(index);
	return row->count != REG_PER_FIXED || model->fixed_mask & BIT64(index);
}

void register_name(char *name, const char *format, unsigned index)
{
	struct text text = text_in(name, VPMU_NAME_BYTES);

	for (; *format; format++) {
		if (format[0] == '%' && format[1] == 'u') {
			text_add_unsigned(&text, index);
			format++;
		} else {
			text_add_bytes(&text, format, 1);
		}
	}
}

/* Counters have a width of their own; every other MSR has 64 bits, and `writable` says which
 * exist. */
static uint8_t register_width(const struct reg_row *row, const struct vpmu_model *model)
{
	switch (row->kind) {
	case VPMU_KIND_COUNTER:
	case VPMU_KIND_COUNTER_ALIAS:
		return model->gp_width;
	case VPMU_KIND_FIXED_COUNTER:
	case VPMU_KIND_FIXED_ALIAS:
		return model->fixed_width;
	default:
		return 64;
	}
}

static struct vpmu_register resolve(const struct reg_row *row, const struct vpmu_model *model,
                                    unsigned index)
{
	struct vpmu_register reg = {
		.msr = row->base + row->stride * index,
		.kind = row->kind,
		.index = (uint8_t)index,
		.width = register_width(row, model),
		.writable = row->writable(model, index),
		.reset = row->reset(model),
		.guest = row->guest,
		.host = row->host,
		.level = row->level,
		.address = (uint8_t)(row->address ? row->address(model) : 0),
		.flags = (uint8_t)(row->flags ? row->flags(model) : 0),
	};

	register_name(reg.name, row->name, index);
	return reg;
}

/* Runs with a stride interleave, so a register may belong before some that are already in the
 * list. */
static void insert(struct vpmu_register *out, size_t count, const struct vpmu_register *reg)
{
	while (count && out[count - 1].msr > reg->msr) {
		out[count] = out[count - 1];
		count--;
	}
	out[count] = *reg;
}

size_t vpmu_model_registers(const struct vpmu_model *model, struct vpmu_register *out)
{
	const struct reg_table *table;
	size_t count = 0;

	if (!out || vpmu_model_check(model, NULL, 0) != VPMU_OK)
		return 0;
	table = reg_table_of(model->vendor);
	for (size_t r = 0; r < table->count; r++) {
		const struct reg_row *row = &table->rows[r];
		unsigned registers = reg_row_count(row, model);

		for (unsigned i = 0; i < registers && count < VPMU_MAX_REGISTERS; i++) {
			struct vpmu_register reg;

			if (!reg_exists(row, model, i))
				continue;
			reg = resolve(row, model, i);
			insert(out, count++, &reg);
		}
	}
	return count;
}
