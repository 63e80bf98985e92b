# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The functions that crashes of all kinds go through: what reports them, what the CPU enters the kernel by, checkers.

Every name stands with the source file that it is of, or with the class of functions that it stands for. A name that
ends with ``*`` stands for all that begin so. All are without the compiler's suffixes.
"""

from __future__ import annotations

from typing import Dict

# Entry and exit of the kernel, exceptions, reporting and stopping, checkers, idling: crashes of all kinds go through
# these, so they tell nothing of one of them, and are left out of the frames.
MACHINERY: Dict[str, str] = {
    "arch/x86/entry": (
        "entry_* do_syscall_64 do_syscall_x64 do_int80_* do_fast_syscall_* do_syscall_32_* __do_fast_syscall_32 "
        "x64_sys_call ia32_sys_call sysenter_* system_call_* tracesys* int_ret_from_sys_call ret_from_fork* "
        "kernel_thread_helper kernel_thread_starter child_rip asm_* common_interrupt ret_from_intr retint_* "
        "apic_timer_interrupt reschedule_interrupt call_function*_interrupt irq_work_interrupt paranoid_* "
        "error_entry error_exit error_code nmi end_repeat_nmi page_fault async_page_fault general_protection "
        "invalid_op int3 divide_error stack_segment double_fault xen_hypervisor_callback restore_all* native_iret "
        "call_softirq do_softirq_own_stack __do_softirq_own_stack"
    ),
    "arch/x86/include/asm/idtentry.h": "exc_* sysvec_* __sysvec_* run_sysvec_* instr_sysvec_* __common_interrupt",
    "arch/x86/kernel/apic/apic.c": "smp_apic_timer_interrupt local_apic_timer_interrupt",
    "arch/x86/kernel/irq.c, irq_64.c": "do_IRQ handle_irq smp_call_function*_interrupt smp_reschedule_interrupt",
    "arch/x86/kernel/dumpstack.c": (
        "show_stack show_stack_regs show_trace* show_regs __show_regs die __die* die_addr die_body oops_begin "
        "oops_end printk_stack_address dump_trace print_trace_* print_context_stack show_stack_log_lvl"
    ),
    "arch/x86/kernel/traps.c": (
        "do_error_trap do_trap* do_invalid_op do_general_protection do_int3* do_divide_error do_stack_segment "
        "do_double_fault fixup_bug handle_bug handle_stack_overflow handle_invalid_op __exc_*"
    ),
    "arch/x86/mm/fault.c": (
        "page_fault_oops no_context bad_area* __bad_area* do_page_fault __do_page_fault do_user_addr_fault "
        "do_kern_addr_fault handle_page_fault kernelmode_fixup_or_oops pgtable_bad trace_do_page_fault "
        "do_async_page_fault pf_interception vmalloc_fault spurious_kernel_fault"
    ),
    "arch/x86/kernel/nmi.c": "nmi_handle default_do_nmi do_nmi pci_serr_error io_check_error unknown_nmi_error",
    "arch/x86/events, kernel/events": (
        "perf_event_nmi_handler perf_event_overflow __perf_event_overflow perf_event_print_debug x86_pmu_handle_irq "
        "amd_pmu_* intel_pmu_handle_irq* handle_pmi_common perf_ibs_* armv8pmu_handle_irq armpmu_dispatch_irq "
        "uncore_pmu_*"
    ),
    "arch/x86/kernel/cpu/mce": (
        "mce_panic mce_* do_machine_check __mc_scan_banks machine_check_poll raw_mce_* do_mce machine_check "
        "unexpected_machine_check mcheck_*"
    ),
    "drivers/acpi/apei": "ghes_* __ghes_* acpi_hed_notify apei_* arch_apei_*",
    "arch/arm64/kernel/entry*": (
        "el0_* el1_* el0t_* el1t_* el1h_* __el0_* __el1_* invoke_syscall do_el0_svc el0_svc* ret_to_user "
        "work_pending vectors ret_fast_syscall __dabt_svc __dabt_usr __und_svc __pabt_svc __irq_svc __irq_usr "
        "__sysreg* ret_from_exception ret_from_syscall call_on_irq_stack do_interrupt_handler "
        "arm64_preempt_schedule_irq"
    ),
    "arch/arm64/kernel/traps.c": (
        "arm64_notify_die arm64_serror_panic arm64_is_fatal_ras_serror do_serror bug_handler brk_handler "
        "call_break_hook do_debug_exception do_sp_pc_abort do_undefinstr do_el1_* bad_mode panic_bad_stack "
        "handle_bad_stack __bad_stack panic_unhandled __panic_unhandled kernel_exception_* do_bti notify_die "
        "cfi_handler bug_brk_handler kasan_handler reserved_fault_brk_handler early_brk64 do_brk64 "
        "call_el1_break_hook do_sea abort"
    ),
    "arch/arm64/mm/fault.c": (
        "die_kernel_fault __do_kernel_fault do_bad_area do_mem_abort do_translation_fault do_tag_check_fault "
        "do_DataAbort do_PrefetchAbort do_sect_fault do_alignment* do_bad"
    ),
    "arch/arm/kernel": "arm_notify_die unwind_backtrace c_backtrace dump_backtrace_* unwind_frame",
    "arch/arm64/kernel/stacktrace.c": "dump_backtrace* kunwind_* walk_stackframe* unwind* arch_stack_walk*",
    "arch/riscv, arch/powerpc, arch/s390, arch/loongarch": (
        "handle_exception do_trap_* die_kernel walk_stackframe_* do_irq riscv_intc_irq handle_riscv_irq "
        "system_call_exception system_call_common system_call_vectored_common interrupt_return* exception_* "
        "data_access_* instruction_access_* program_check_* decrementer_* hardware_interrupt_* ret_from_kernel_* "
        "ret_from_kernel_thread ret_from_kernel_user_thread __do_pgm_check pgm_check_handler system_call "
        "__do_syscall __ret_from_fork int_return handle_syscall do_ale do_bp"
    ),
    "kernel/panic.c": (
        "panic vpanic nmi_panic nmi_panic_self_stop panic_smp_* panic_try_* panic_print_* panic_on_* panic_reset "
        "panic_other_cpus_shutdown panic_trigger_all_cpu_backtrace panic_in_progress panic_blink panic_notifier_* "
        "panic_flush_* panic_this_cpu_* warn_slowpath_* warn_bogus_* __warn* "
        "check_panic_on_warn add_taint oops_enter oops_exit print_oops_end_marker print_tainted __stack_chk_fail "
        "do_warn_slowpath warn_rate_limit try_panic"
    ),
    "lib/bug.c": "report_bug __report_bug find_bug generic_bug_*",
    "lib/dump_stack.c": "dump_stack dump_stack_lvl dump_stack_print_info __dump_stack",
    "kernel/exit.c, kernel/kexec_core.c": "make_task_dead rewind_stack_* crash_kexec __crash_kexec kexec_*crash*",
    "kernel/kthread.c, kernel/smpboot.c": "kthread kthread_worker_fn smpboot_thread_fn",
    "init/main.c and the CPU's first code": (
        "secondary_startup_* start_secondary secondary_start_kernel __secondary_switched common_startup_* "
        "startup_64* x86_64_start_* cpu_bringup_and_idle rest_init arch_call_rest_init start_kernel "
        "__primary_switched* head_64 ap_starting"
    ),
    "kernel/sched/idle.c and the CPU's idling": (
        "do_idle cpu_idle* cpu_startup_entry default_idle* cpuidle_* call_cpuidle native_safe_halt "
        "pv_native_safe_halt arch_cpu_idle* amd_e400_idle mwait_idle* acpi_idle_* acpi_safe_halt "
        "acpi_processor_ffh* intel_idle* cpu_do_idle arch_safe_halt poll_idle native_halt"
    ),
    "kernel/sched/core.c": (
        "schedule __schedule __schedule_bug schedule_preempt_disabled preempt_schedule* __cond_resched "
        "_cond_resched cond_resched __switch_to* context_switch io_schedule io_schedule_prepare io_schedule_timeout "
        "schedule_idle sched_show_task _sched_show_task show_state_filter dump_cpu_task preempt_count_* "
        "__might_resched __might_sleep ___might_sleep finish_task_switch schedule_debug schedule_rtlock* "
        "rt_mutex_schedule schedule_user __traceiter_* __bpf_trace_*"
    ),
    "kernel/time/sleep_timeout.c, timer.c": "schedule_timeout*",
    "kernel/hung_task.c": "watchdog check_hung_* hung_task_*",
    "kernel/watchdog*.c": "watchdog_* softlockup_* lockup_detector_* is_softlockup hardlockup_* is_hardlockup",
    "lib/nmi_backtrace.c and its users": (
        "nmi_cpu_backtrace* nmi_trigger_cpumask_backtrace arch_trigger_* trigger_* nmi_raise_* ipi_cpu_backtrace* "
        "do_handle_IPI ipi_handler handle_IPI handle_percpu_devid_fasteoi_ipi"
    ),
    "kernel/rcu/tree_stall.h, tree.c, update.c": (
        "print_cpu_stall* print_other_cpu_stall* rcu_dump_cpu_stacks* check_cpu_stall* rcu_check_callbacks "
        "rcu_sched_clock_irq rcu_pending* __rcu_pending rcu_check_gp_kthread_* rcu_gp_kthread rcu_gp_fqs_loop "
        "rcu_gp_* rcu_exp_* rcu_print_task_stall panic_on_rcu_stall synchronize_rcu_expedited_wait* "
        "synchronize_sched_expedited_wait rcu_stall_* rcu_lockdep_* lockdep_rcu_suspicious rcu_is_watching "
        "rcu_read_lock* rcu_read_unlock* __rcu_read_lock __rcu_read_unlock rcu_dynticks_* rcu_irq_* rcu_eqs_* "
        "rcu_preempt_deferred_* rcu_nocb_* rcu_momentary_* rcu_note_context_switch rcu_lock_acquire "
        "rcu_lock_release"
    ),
    "kernel/time": (
        "update_process_times tick_sched_* tick_nohz_handler tick_nohz_irq_* tick_periodic tick_handle_* "
        "hrtimer_interrupt __hrtimer_run_queues hrtimer_run_queues __run_hrtimer sched_clock* arch_timer_handler_* "
        "timer_interrupt riscv_timer_interrupt account_process_tick"
    ),
    "kernel/irq, drivers/irqchip": (
        "handle_irq_event* __handle_irq_event_percpu generic_handle_* handle_edge_irq handle_level_irq "
        "handle_fasteoi_irq handle_percpu_devid_irq handle_domain_irq __handle_domain_irq gic_handle_irq __gic_* "
        "asm_call_* call_on_stack irq_exit* __irq_exit* irq_enter* exiting_irq handle_irq_desc run_irq_* "
        "entering_irq bad_chained_irq ipi_* xen_evtchn_* __xen_evtchn_* evtchn_*"
    ),
    "kernel/softirq.c": (
        "__do_softirq do_softirq __softirqentry* handle_softirqs invoke_softirq run_ksoftirqd __local_bh_* "
        "local_bh_* _local_bh_*"
    ),
    "kernel/workqueue.c": "process_one_work process_scheduled_works worker_thread rescuer_thread",
    "kernel/smp.c, interrupts of other CPUs": (
        "flush_smp_call_function_* generic_smp_call_* __flush_smp_call_function_* sched_ttwu_pending scheduler_ipi"
    ),
    "kernel/locking/lockdep.c": (
        "lock_acquire* __lock_acquire lock_release __lock_release lock_is_held* __lock_is_held lock_acquired "
        "lock_contended lockdep_* __lockdep_* register_lock_class look_up_lock_class lock_downgrade validate_chain* "
        "check_prev* check_noncircular print_*bug* print_usage* print_circular_* print_deadlock_* mark_lock* "
        "mark_held_locks mark_usage check_wait_context trace_hardirqs_* trace_softirqs_* debug_check_no_* "
        "assign_lock_key lock_set_class valid_state check_usage* debug_lock* debug_show_*"
    ),
    "kernel/locking/spinlock_debug.c, mutex-debug.c, lib/debugobjects.c": (
        "do_raw_spin_* do_raw_read_* do_raw_write_* spin_dump spin_bug debug_mutex_* debug_object_* "
        "debug_print_object __debug_object_* __debug_check_* debug_check_no_obj_freed debug_timer_* debug_work_*"
    ),
    "mm/kasan, mm/kmsan, mm/kfence, lib/ubsan.c, kernel/kcsan, kernel/kcov.c": (
        "kasan_* __kasan_* ____kasan_* __asan_* __hwasan_* hwasan_* check_memory_region* check_region_inline "
        "__check_region* memory_is_poisoned* bytes_is_nonzero describe_address print_address_* print_report "
        "print_unlocked_report __print_shadow* end_report start_report print_error_description qlist_* quarantine_* "
        "kmsan_* __msan_* __kmsan_* kfence_* __kfence_* kcsan_* __kcsan_* __tsan_* __ubsan_* ubsan_* __sanitizer_* "
        "handle_overflow handle_object_size* write_comp_data check_kcov_mode instrument_* get_stack_info* "
        "__kernel_text_address stack_trace_* stack_depot_* save_stack* set_track* __set_page_owner* "
        "__reset_page_owner msan_*"
    ),
    "lib/smp_processor_id.c": "check_preemption_disabled debug_smp_processor_id __this_cpu_preempt_check",
    "include/linux/rcupdate*.h, trace and the compiler's checks": (
        "__fentry__ ftrace_call ftrace_caller ftrace_regs_c* ftrace_graph_* mcount __cfi_* __x86_* srso_*"
    ),
    "mm/slub.c, mm/slab.c": (
        "object_err object_* slab_err slab_pad_* slab_bug slab_fix print_trailer print_track* print_section "
        "check_bytes_* check_object* check_slab alloc_debug_* free_debug_* init_object __slab_err* slab_free_hook "
        "slab_post_alloc_hook validate_slab* __check_heap_object list_slab_objects"
    ),
    "mm/usercopy.c, lib/fault-inject.c": "usercopy_abort usercopy_warn __check_object_size* should_fail* fail_dump",
    "mm/page_alloc.c, mm/debug.c": (
        "bad_page* check_new_page* check_free_page* free_page_is_bad* free_*page*_bad dump_page*"
    ),
    "rust/kernel, core::panicking": "rust_begin_unwind rust_helper_BUG _RN*core9panicking* _RN*7___rustc*begin_unwind",
    "drivers/misc/kgdb*, kernel/notifier.c": "notifier_call_chain atomic_notifier_call_chain __atomic_notifier_*",
}

# Tells of what it interrupted: what stands above it on the same stack, and below it until the interrupted function,
# has nothing to do with the crash.
NEWS: Dict[str, str] = {
    "kernel/watchdog*.c": "watchdog_timer_fn watchdog_overflow_callback watchdog_hardlockup_* watchdog_*_callback",
    "lib/nmi_backtrace.c": "nmi_cpu_backtrace* nmi_trigger_cpumask_backtrace ipi_cpu_backtrace*",
    "kernel/rcu/tree_stall.h": (
        "rcu_dump_cpu_stacks* print_cpu_stall* print_other_cpu_stall* rcu_sched_clock_irq rcu_check_callbacks "
        "check_cpu_stall* rcu_exp_handler"
    ),
    "kernel/sched/core.c": "sched_show_task _sched_show_task dump_cpu_task",
    "kernel/panic.c, lib/bug.c": "report_bug __report_bug __warn __warn_printk warn_slowpath_* handle_bug fixup_bug",
    "arch/x86/kernel/cpu/mce, drivers/acpi/apei, arch/arm64/kernel/traps.c": (
        "mce_panic do_machine_check __ghes_panic ghes_notify_nmi arm64_serror_panic do_serror"
    ),
    "arch/x86/kernel/nmi.c": "nmi_handle default_do_nmi do_nmi exc_nmi",
    "arch/x86/mm/fault.c, traps.c, arch/arm64/mm/fault.c": (
        "page_fault_oops no_context die_addr die do_mem_abort __do_kernel_fault do_invalid_op"
    ),
}

# Entries of the kernel behind which an interrupted function stands on the same stack.
ENTRIES: Dict[str, str] = {
    "arch/x86/entry, arch/x86/include/asm/idtentry.h": (
        "asm_sysvec_* asm_common_interrupt asm_exc_* apic_timer_interrupt common_interrupt ret_from_intr nmi "
        "end_repeat_nmi invalid_op machine_check page_fault async_page_fault general_protection error_code "
        "smp_apic_timer_interrupt reschedule_interrupt call_function*_interrupt irq_work_interrupt"
    ),
    "arch/arm64/kernel/entry.S, arch/arm/kernel/entry-armv.S": (
        "el1_irq el1_interrupt el1h_64_irq el1h_64_error el1_error el1_sync el1h_64_sync el1_dbg el1_da __irq_svc "
        "__dabt_svc __und_svc"
    ),
    "arch/riscv, arch/powerpc, arch/s390, arch/loongarch": (
        "ret_from_exception handle_exception decrementer_common hardware_interrupt_common program_check_common "
        "do_bp handle_bp"
    ),
}
