# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the functions of a stack trace stand for: libraries, waits and dispatchers, beside the machinery.

Every name stands with the source file that it is of, or with the class of functions that it stands for. A name that
ends with ``*`` stands for all that begin so. All are without the compiler's suffixes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Dict, Pattern, Set, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_machinery import ENTRIES, MACHINERY, NEWS
from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex

# What everybody calls and nobody is to blame for: a wrong pointer comes from the caller.
LIBRARY: Dict[str, str] = {
    "lib/string.c, lib/memcpy*, arch/*/lib": (
        "memcpy* __memcpy* memmove* __memmove* memset* __memset* memcmp* __memcmp memchr* memscan memzero_* strlen* "
        "strnlen* strcmp* strncmp* strcpy* strncpy* strlcpy* strscpy* strcat* strncat strlcat strchr* strnchr "
        "strstr strsep strcase* strncase* strim strspn strrchr __str* copy_from_* copy_to_* copy_user* copy_page* "
        "copy_mc_* __copy_from_* __copy_to_* __copy_user* _copy_from_* _copy_to_* raw_copy_* clear_user* "
        "__clear_user* __get_user* __put_user* get_user* put_user* rep_movs* __arch_copy_* __arch_clear_* "
        "fault_in_* csum_partial* do_csum clear_page* copyin copyout __pi_* sized_str* vsnprintf snprintf sprintf "
        "scnprintf vscnprintf string string_nocheck number pointer format_decode va_format *_string crc* strnstr "
        "strpbrk strcspn kstrdup* kmemdup* strndup_user vmemdup_user find_*_bit _find_* __bitmap_* bitmap_* "
        "hex_dump_* kasprintf kvasprintf*"
    ),
    "lib/iov_iter.c": (
        "iov_iter_* copy_to_iter* copy_from_iter* _copy_to_iter* _copy_from_iter* simple_copy_* hash_and_*"
    ),
    "lib/list_debug.c, include/linux/list.h": (
        "__list_add* __list_del* list_add* list_del* __hlist_* hlist_* list_move* list_empty* list_splice* plist_* "
        "llist_* list_sort"
    ),
    "lib/rbtree.c, lib/radix-tree.c, lib/xarray.c, lib/maple_tree.c, lib/idr.c, lib/timerqueue.c": (
        "rb_* __rb_* radix_tree_* __radix_tree_* xa_* __xa_* xas_* mas_* mtree_* mt_find* mt_next mt_prev idr_* "
        "ida_* timerqueue_* __idr_* assoc_array_* rhashtable_* rht_* __rhashtable_* interval_tree_* "
        "percpu_counter_* sbitmap_* klist_*"
    ),
    "lib/refcount.c, lib/kref.c, lib/atomic64.c, lib/lockref.c": (
        "refcount_* __refcount_* kref_* atomic_* atomic64_* arch_atomic* lockref_* percpu_ref_* raw_atomic*"
    ),
    "kernel/locking": (
        "_raw_spin_* _raw_read_* _raw_write_* __raw_spin_* __raw_read_* __raw_write_* queued_spin_* ldsem_* "
        "native_queued_spin_* __pv_queued_spin_* pv_queued_* pv_wait_* pv_kick_* queued_read_* queued_write_* "
        "__ticket_spin_* mutex_* __mutex_* ww_mutex_* down down_* __down_* up up_* rwsem_* __rwsem_* rt_mutex_* "
        "__rt_mutex_* rt_spin_* rtlock_* percpu_down_* percpu_up_* percpu_rwsem_* __percpu_* osq_* spin_lock* "
        "spin_unlock* _spin_* _read_lock* _write_lock* raw_spin_* lock_timer_base"
    ),
    "mm/slub.c, mm/slab_common.c, mm/slab.c": (
        "kmalloc* __kmalloc* kzalloc* kcalloc* krealloc* __do_krealloc kfree* __kfree kmem_cache_* __kmem_cache_* "
        "slab_alloc* slab_free* __slab_* ___slab_* do_slab_free free_to_partial_list get_freepointer* get_partial* "
        "deactivate_slab* new_slab* allocate_slab* discard_slab __free_slab setup_object* __unfreeze_partials "
        "unfreeze_partials* put_cpu_partial cache_alloc_* cache_free_* cache_flusharray drain_array* drain_freelist "
        "ksize kvfree* kvmalloc* __kvmalloc* __do_kmalloc* __do_kmalloc_node __ksize kmalloc_reserve free_block "
        "freelist_ptr*"
    ),
    "mm/page_alloc.c, mm/mempolicy.c, mm/vmalloc.c, mm/percpu.c, mm/mempool.c, mm/dmapool.c": (
        "__alloc_pages* alloc_pages* alloc_page* __alloc_frozen_* alloc_frozen_* get_page_from_freelist "
        "prep_new_page* prep_compound_* rmqueue* __rmqueue* __free_pages* free_pages* __free_page* free_unref_* "
        "free_pcp* __free_one_page free_frozen_* folio_alloc* vmalloc* __vmalloc* vfree* __vfree vzalloc* pcpu_* "
        "__alloc_percpu* alloc_percpu* free_percpu* mempool_* dma_pool_* __get_free_pages get_zeroed_page "
        "__isolate_free_page_* post_alloc_hook"
    ),
    "kernel/time/timer.c, hrtimer.c, kernel/workqueue.c: what queues": (
        "mod_timer* __mod_timer* add_timer* del_timer* __del_timer* try_to_del_timer* timer_delete* __timer_delete* "
        "enqueue_timer detach_timer* detach_if_pending init_timer* timer_shutdown* hrtimer_start* hrtimer_cancel "
        "hrtimer_try_to_cancel hrtimer_init* __hrtimer_* remove_hrtimer enqueue_hrtimer queue_work* __queue_work* "
        "queue_delayed_* __queue_delayed_* mod_delayed_* flush_work* __flush_work* flush_workqueue* "
        "__flush_workqueue cancel_work* cancel_delayed_* __cancel_work* drain_workqueue schedule_work*"
    ),
    "kernel/sched/wait.c, swait.c, core.c: what wakes": (
        "__wake_up* wake_up* try_to_wake_up default_wake_function autoremove_wake_function complete complete_all "
        "add_wait_queue* remove_wait_queue_* prepare_to_wait* finish_wait* swake_up* pollwake ttwu_* "
        "ep_poll_callback"
    ),
    "kernel/rcu: callbacks": (
        "call_rcu* __call_rcu* rcu_do_batch rcu_core* rcu_process_callbacks kfree_rcu* kvfree_call*"
    ),
    "net/core/skbuff.c: what checks a buffer for its caller": (
        "skb_panic skb_over_panic skb_under_panic skb_put __skb_put skb_put_data skb_push __skb_push skb_pull "
        "__skb_pull skb_trim pskb_put pskb_expand_head"
    ),
    "checks that stop the kernel for their caller (lib/string_helpers.c, fs)": (
        "fortify_panic __fortify_panic __fortify_report assertfail assfail *_assert_fail *_assfail __*fs_panic "
        "*fs_panic"
    ),
    "arch/x86/mm/physaddr.c, arch/arm64/mm/physaddr.c, include/asm-generic/io.h": (
        "__phys_addr* __virt_to_phys* virt_to_page __virt_addr_valid __raw_read* __raw_write* readb readw readl "
        "readq writeb writew writel writeq ioread* iowrite* logic_in* logic_out* inb outb"
    ),
    "mm/filemap.c, mm/truncate.c: the page cache for its caller": (
        "unlock_page folio_unlock find_lock_entries find_get_* find_lock_* pagecache_get_page filemap_get_* "
        "filemap_lock_* filemap_alloc_folio* __filemap_* truncate_inode_pages* delete_from_page_cache* put_page "
        "folio_put __folio_put release_pages page_pool_* __page_pool_*"
    ),
    "lib/kobject.c, drivers/base/core.c, fs/sysfs, fs/kernfs: what registers for its caller": (
        "kobject_* __kobject_* device_add device_del device_register device_unregister device_destroy "
        "device_create* get_device put_device device_remove_* bus_remove_* kernfs_remove* __kernfs_remove "
        "kernfs_find_ns kernfs_name_hash sysfs_remove_* sysfs_create_* dpm_sysfs_* device_pm_*"
    ),
    "what drops a reference, for its caller (fs/inode.c, fs/dcache.c, fs/file_table.c, kernel/pid.c)": (
        "iput dput fput put_pid put_task_stack put_task_struct* sock_put put_cred* mntput* path_put"
    ),
    "kernel/printk": "printk _printk vprintk* console_* *printk* dev_vprintk_emit _dev_* __dev_printk",
}

# Where a task that hangs waits: who is to blame is what waits.
WAITS: Dict[str, str] = {
    "kernel/sched/completion.c, wait.c, wait_bit.c": (
        "wait_for_completion* __wait_for_common do_wait_for_common wait_for_common* bit_wait* __wait_on_bit* "
        "out_of_line_wait_* wait_on_bit* __wait_on_* prepare_to_wait* do_wait_intr* __wait_event* wake_bit_*"
    ),
    "kernel/kthread.c: waits for a thread": "kthread_stop* kthread_park kthread_flush_work*",
    "mm/filemap.c: waits for pages to be written": (
        "filemap_fdatawait* __filemap_fdatawait* filemap_write_and_wait* filemap_fdatawrite_and_wait*"
    ),
    "drivers/usb/core/message.c: waits for a transfer": (
        "usb_start_wait_urb usb_control_msg* usb_internal_control_msg usb_bulk_msg usb_interrupt_msg usb_kill_urb "
        "usb_submit_urb"
    ),
    "mm/filemap.c": (
        "folio_wait_* __folio_lock* __lock_page* lock_page* folio_lock* wait_on_page_* wait_on_buffer "
        "__filemap_get_folio*"
    ),
    "kernel/locking": "rwsem_down_* __rwsem_* rwbase_* __rt_mutex_slowlock* rt_mutex_slowlock* pcpu_*",
    "block, fs/buffer.c: waiting for a request": "blk_mq_get_tag __wait_on_buffer submit_bio_wait blk_execute_rq*",
}

# Functions that call one of many others through a pointer. Who loops, hangs about or recurses is what was called.
DISPATCHERS: Dict[str, str] = {
    "entries of system calls": (
        "do_syscall_* do_int80_* do_fast_syscall_* __do_fast_syscall_32 x64_sys_call ia32_sys_call entry_SYSCALL_* "
        "entry_SYSENTER_* entry_INT80_* sysenter_* system_call* tracesys* invoke_syscall el0_svc* do_el0_svc "
        "ret_fast_syscall system_call_exception __do_syscall handle_syscall int_ret_from_sys_call entry_FRED_*"
    ),
    "entries of interrupts, and what goes on after them": (
        "__do_softirq handle_softirqs __run_hrtimer __hrtimer_run_queues handle_irq_event_percpu "
        "__handle_irq_event_percpu do_IRQ common_interrupt __common_interrupt exit_to_usermode_loop "
        "exit_to_user_mode_* retint_user* prepare_exit_to_usermode syscall_return_slowpath task_work_run "
        "ret_to_user work_pending irq_thread_fn irq_thread"
    ),
    "kernel/time/timer.c, kernel/softirq.c": (
        "call_timer_fn expire_timers __run_timers run_timer_softirq tasklet_action* __tasklet_* run_ksoftirqd"
    ),
    "kernel/workqueue.c, kthread.c, kernel/rcu/tree.c": (
        "process_one_work kthread smpboot_thread_fn ret_from_fork* kthread_worker_fn rcu_do_batch rcu_core* "
        "cpu_startup_entry start_secondary rest_init do_one_initcall cpu_stopper_thread"
    ),
    "fs/read_write.c, ioctl.c, file_table.c, open.c, splice.c": (
        "vfs_ioctl do_vfs_ioctl __do_sys_ioctl ksys_ioctl vfs_read __vfs_read vfs_write __vfs_write new_sync_read "
        "new_sync_write do_iter_* do_loop_readv_writev* vfs_iter_* vfs_readv vfs_writev do_readv* do_writev* "
        "call_read_iter call_write_iter do_readv_writev kernel_read __kernel_read kernel_write __kernel_write* "
        "vfs_poll do_select do_sys_poll __fput ____fput do_dentry_open vfs_open vfs_fsync* vfs_fallocate "
        "iterate_dir do_splice* splice_direct_to_actor vfs_getattr* vfs_mkdir vfs_rmdir vfs_unlink vfs_rename "
        "vfs_statfs compat_ioctl* __do_compat_sys_ioctl compat_SyS_ioctl vfs_lseek call_mmap mmap_region"
    ),
    "fs/super.c, fs/namespace.c": (
        "vfs_get_tree mount_fs legacy_get_tree vfs_kern_mount deactivate_locked_super cleanup_mnt"
    ),
    "net/socket.c": (
        "sock_sendmsg* __sock_sendmsg sock_recvmsg* sock_release __sock_release sock_ioctl sock_do_ioctl "
        "____sys_sendmsg ____sys_recvmsg ___sys_sendmsg ___sys_recvmsg __sys_sendmsg sock_write_iter sock_read_iter "
        "sock_close __sys_connect* __sys_bind __sys_accept* __sys_setsockopt __sys_getsockopt do_sock_setsockopt "
        "do_sock_getsockopt sock_poll sock_mmap __sock_create SYSC_connect SYSC_bind SYSC_sendto SYSC_recvfrom "
        "SYSC_setsockopt SYSC_getsockopt"
    ),
    "net/netlink, net/core/rtnetlink.c, net/netfilter/nfnetlink.c": (
        "netlink_rcv_skb netlink_unicast* netlink_dump __netlink_dump_start genl_rcv* genl_family_rcv_msg* "
        "rtnetlink_rcv* nfnetlink_rcv* sock_diag_rcv* __sock_diag_cmd xfrm_user_rcv_msg xfrm_netlink_rcv genl_start "
        "genl_dumpit genl_lock_dumpit rtnl_dumpit rtnl_dump_all"
    ),
    "net/core/dev.c": (
        "__netif_receive_skb* netif_receive_skb* process_backlog napi_poll __napi_poll net_rx_action "
        "napi_gro_receive* gro_* napi_skb_finish deliver_skb net_tx_action napi_complete_done"
    ),
    "system calls that stand for what they are done to": (
        "sys_ioctl sys_read sys_write sys_readv sys_writev sys_pread* sys_pwrite* sys_preadv* sys_pwritev* "
        "sys_sendmsg sys_sendto sys_recvmsg sys_recvfrom sys_connect sys_bind sys_setsockopt sys_getsockopt "
        "sys_accept* sys_close sys_open sys_openat* sys_mount sys_splice sys_sendfile*"
    ),
    "drivers/base/dd.c": "really_probe __driver_probe_device driver_probe_device",
}

# Another name of the same function: how system calls are wrapped, and who waits for all CPUs or all readers alike.
_SYSCALL = regex(
    r"(?:__(?:x64|ia32|arm64|riscv|s390x?|x32)_(?:compat_)?(?:sys|SyS)|__(?:se|do)_(?:compat_)?sys"
    r"|(?:compat_)?(?:SyS|SYSC|C_SYSC)|compat_sys|ksys|sys|__sys)_(?=[a-z])"
)
_SAME: Tuple[Tuple[Pattern[str], str], ...] = (
    # kernel/smp.c: the CPU waits for others, which do not answer.
    (
        regex(r"smp_call_function_(?:single|many|many_cond|any|single_async)|csd_lock_wait\w*|on_each_cpu\w*"),
        "smp_call_function",
    ),
    # kernel/rcu: a grace period that does not end.
    (
        regex(r"_*synchronize_(?:s?rcu|sched|rcu_bh|net|rcu_tasks)(?:_\w+)?|_*wait_rcu_gp|rcu_barrier\w*"),
        "synchronize_rcu",
    ),
    # The same for programs of 32 bits.
    (regex(r"(\w+)_compat_ioctl"), r"\1_ioctl"),
)


_CLASSES: Dict[str, Tuple[Dict[str, str], ...]] = {
    "machinery": (MACHINERY,),
    "news": (NEWS,),
    "entries": (ENTRIES,),
    "dispatchers": (DISPATCHERS,),
    "library": (LIBRARY, WAITS),
}


@lru_cache(maxsize=None)
def _names(of: str) -> Pattern[str]:
    """Return the expression for all names of some ``_CLASSES``; ``*`` stands for anything."""
    names: Set[str] = {name for one in _CLASSES[of] for text in one.values() for name in text.split()}
    return re.compile("|".join(re.escape(name).replace(r"\*", ".*") for name in sorted(names)))


@lru_cache(maxsize=4096)
def is_machinery(function: str) -> bool:
    """Whether crashes of all kinds go through this function, which then says nothing of one of them."""
    return _names("machinery").fullmatch(function) is not None


@lru_cache(maxsize=4096)
def is_news(function: str) -> bool:
    """Whether this function tells of what was interrupted for it."""
    return _names("news").fullmatch(function) is not None


@lru_cache(maxsize=4096)
def is_entry(function: str) -> bool:
    """Whether the next function on the same stack is one that was interrupted."""
    return _names("entries").fullmatch(function) is not None


@lru_cache(maxsize=4096)
def is_library(function: str) -> bool:
    """Whether a crash or a wait in this function is its caller's."""
    return _names("library").fullmatch(function) is not None


@lru_cache(maxsize=4096)
def is_dispatcher(function: str) -> bool:
    """Whether this function calls what others have registered."""
    return _names("dispatchers").fullmatch(function) is not None


@lru_cache(maxsize=4096)
def one_name(function: str) -> str:
    """Return the name by which the function is known on every architecture and in every version."""
    for pattern, name in _SAME:
        if pattern.fullmatch(function):
            return pattern.sub(name, function, count=1)
    return _SYSCALL.sub("sys_", function, count=1) if _SYSCALL.match(function) else function
