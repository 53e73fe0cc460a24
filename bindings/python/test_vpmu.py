# SPDX-License-Identifier: MIT
"""The Python binding, against the library that VPMU_LIBRARY names."""

import unittest

import vpmu


class Binding(unittest.TestCase):
    def setUp(self):
        self.model = vpmu.Model.parse("intel-v2,gp=3,signature=0x406f1")
        self.layout = vpmu.Layout(self.model)
        self.state = self.layout.reset_state()

    def test_a_model_has_its_fields(self):
        model = self.model
        self.assertEqual((model.name, model.vendor, model.version), ("intel-v2", "intel", 2))
        self.assertEqual((model.gp_count, model.gp_width, model.fixed_mask), (3, 48, 7))
        self.assertEqual((model.perf_capabilities, model.signature), (1 << 13, 0x406F1))
        self.assertEqual(model, vpmu.Model.parse("intel-v2,gp=3,signature=0x406f1"))
        self.assertNotEqual(model, vpmu.Model.parse("intel-v2"))

    def test_a_mistake_is_an_error_with_its_reason(self):
        with self.assertRaisesRegex(vpmu.Error, "bad argument: .*intel-v9"):
            vpmu.Model.parse("intel-v9")
        with self.assertRaisesRegex(vpmu.Error, "bad argument"):
            self.state.plan(order="typo")
        with self.assertRaisesRegex(vpmu.Error, "bad argument"):
            self.state.plan(level="typo")
        with self.assertRaisesRegex(vpmu.Error, "bad argument"):
            self.state["IA32_PMC0"] = 1 << 60
        with self.assertRaises(KeyError):
            self.state["IA32_PMC3"] = 1

    def test_registers_are_the_models(self):
        registers = {r.name: r for r in self.layout.registers}
        self.assertEqual(registers["IA32_PERF_GLOBAL_CTRL"].msr, 0x38F)
        self.assertEqual(registers["IA32_PERF_GLOBAL_CTRL"].writable, 0x700000007)
        self.assertEqual(registers["IA32_PMC2"].width, 48)

    def test_a_plan_writes_the_state_in_order(self):
        self.state["IA32_PMC1"] = 0xBEEF
        self.state["IA32_PERFEVTSEL1"] = 0x5300C0
        plan = self.state.plan(level="full", order="no-stop")
        self.assertLess(plan.index(vpmu.Write("IA32_PMC1", 0xC2, 0xBEEF)),
                        plan.index(vpmu.Write("IA32_PERFEVTSEL1", 0x187, 0x5300C0)))
        self.assertEqual(plan[-1].name, "IA32_PERF_GLOBAL_CTRL")
        self.assertEqual(self.state.plan(level="runtime"), [])

    def test_a_stream_comes_back(self):
        self.state["IA32_FIXED_CTR2"] = 77
        stream = self.state.encode(vcpu=5)
        self.assertEqual(stream[:4], b"vPMU")
        self.assertEqual(self.layout.decode(stream), (self.state, 5))
        self.assertNotEqual(self.layout.decode(stream)[0], self.layout.reset_state())
        with self.assertRaisesRegex(vpmu.Error, "damaged data: .*checksum"):
            self.layout.decode(stream[:-1] + b"\0" if stream[-1] else stream[:-1] + b"\1")
        with self.assertRaisesRegex(vpmu.Error, "incompatible"):
            vpmu.Layout(vpmu.Model.parse("zen4")).decode(stream)


if __name__ == "__main__":
    unittest.main()
