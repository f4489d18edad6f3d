#!/usr/bin/env bash
# A private Slurm cluster on one machine, for tests and for trying things out: munged, slurmctld and a slurmd for each
# node, on the loopback interface only, without systemd and cgroups, as root or as any user. Debian's packages:
#   apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge
# and, for ACCOUNTING=1, in which sacct works:
#   apt-get install -y --no-install-recommends mariadb-server slurmdbd slurm-wlm-mysql-plugin
#
# cluster.sh start DIR             starts it; then: export SLURM_CONF=DIR/etc/slurm.conf
#     NODES=2 CPUS=4 GPUS=2        so many nodes n1, n2 …, each with so many cores and fake GPUs
#     PORT=16817                   the first of NODES + 3 TCP ports
#     MINJOBAGE=300                seconds for which the controller remembers jobs that are over
#     BROKEN=n1                    a node on which no job can start: its prolog fails
# cluster.sh kill DIR DAEMON       kill -9 of slurmctld, n1 (slurmd of that node alone), slurmdbd …
# cluster.sh crash DIR NODE        as if the power of the node failed: slurmd and all its jobs are gone
# cluster.sh resume DIR DAEMON     starts a daemon again
# cluster.sh stop DIR              stops all daemons and jobs
#
# DIR must have a short path: it holds sockets, whose paths end at 108 characters.
set -euo pipefail

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
[ $# -ge 2 ] || usage
VERB=$1 ROOT=$2 DAEMON=${3:-}
export SLURM_CONF=$ROOT/etc/slurm.conf
PATH=$PATH:/usr/sbin

# The process of a daemon that this cluster has a pid file of; empty if it does not run. Another process may have got
# its number since, but none that has this cluster's variable except daemons and jobs.
pid_of() {
    local file=$ROOT/run/$1.pid pid
    [ -s "$file" ] || return 0
    pid=$(<"$file")
    grep -qzx "SLURM_CONF=$SLURM_CONF" "/proc/$pid/environ" 2>/dev/null || return 0
    case $(readlink "/proc/$pid/exe" 2>/dev/null) in
        */slurm* | */munged | */mariadbd) echo "$pid" ;;
    esac
}

# Starts one daemon. None keeps standard streams open, or whoever reads them would wait for ever.
launch() {
    case $1 in
        munged)
            munged --force --key-file="$ROOT/etc/munge.key" --socket="$ROOT/run/munge.socket" \
                --pid-file="$ROOT/run/munged.pid" --log-file="$ROOT/log/munged.log" --seed-file="$ROOT/etc/munge.seed" \
                </dev/null >/dev/null 2>>"$ROOT/log/start.err" ;;
        mariadbd)
            mariadbd --no-defaults --user="$(id -un)" --datadir="$ROOT/mysql" --socket="$ROOT/run/mysql.sock" \
                --bind-address=127.0.0.1 --port="$(<"$ROOT/etc/mysql.port")" --pid-file="$ROOT/run/mariadbd.pid" \
                --innodb-buffer-pool-size=128M --innodb-lock-wait-timeout=900 \
                --innodb-flush-log-at-trx-commit=0 </dev/null >"$ROOT/log/mariadbd.log" 2>&1 & ;;
        slurmdbd) slurmdbd </dev/null >/dev/null 2>>"$ROOT/log/start.err" ;;
        slurmctld) slurmctld </dev/null >/dev/null 2>>"$ROOT/log/start.err" ;;
        # The variable marks slurmd as belonging to the node, as it does for jobs: see processes_of.
        *) SLURMD_NODENAME=$1 slurmd -N "$1" </dev/null >/dev/null 2>>"$ROOT/log/start.err" ;;
    esac
}

# Tries a command again until it succeeds, for at most a minute.
until_ok() {
    for _ in $(seq 600); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    echo "gave up waiting for: $*" >&2
    tail -n 20 "$ROOT"/log/* >&2
    exit 1
}

# The processes of a node: its slurmd and its jobs, which have these two variables, and the slurmstepd above each job.
processes_of() {
    local of_cluster pid parent
    of_cluster=$(grep -lzx "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ 2>/dev/null || true)
    [ -n "$of_cluster" ] || return 0
    for pid in $(grep -lzx "SLURMD_NODENAME=$1" $of_cluster 2>/dev/null | grep -o '[0-9]*'); do
        echo "$pid"
        parent=$(sed -n 's/^PPid:\t//p' "/proc/$pid/status" 2>/dev/null || true)
        case $(readlink "/proc/$parent/exe" 2>/dev/null) in */slurmstepd*) echo "$parent" ;; esac
    done
}

# Ends a node's jobs so that none can still report the end of another.
end_jobs_of() {
    local pids
    pids=$(processes_of "$1")
    [ -z "$pids" ] || { kill -STOP $pids && kill -KILL $pids; } 2>/dev/null || true
}

nodes() { seq -f 'n%g' "$(<"$ROOT/etc/nodes")"; }

all_up() { [ "$(sinfo -h -N -p main -o %T | grep -cE '^(idle|mixed|allocated|completing)$')" -ge "$1" ]; }

start() {
    NODES=${NODES:-2} CPUS=${CPUS:-4} GPUS=${GPUS:-2} PORT=${PORT:-16817}
    local me host device
    me=$(id -un) host=$(hostname -s)
    mkdir -p "$ROOT"/{etc,run,log,state,spool,dev}
    chmod 755 "$ROOT" "$ROOT/run"
    echo "$NODES" >"$ROOT/etc/nodes"
    for node in $(nodes); do mkdir -p "$ROOT/spool/$node"; done
    [ -s "$ROOT/etc/munge.key" ] || (umask 077 && head -c 1024 /dev/urandom >"$ROOT/etc/munge.key")
    # Slurm takes character devices only, which nobody opens: copies of /dev/null where they can be made.
    : >"$ROOT/etc/gres.conf"
    if [ "$GPUS" -gt 0 ]; then
        device=$ROOT/dev/nvidia
        for gpu in $(seq 0 $((GPUS - 1))); do
            [ -c "$device$gpu" ] || mknod "$device$gpu" c 1 3 2>/dev/null || { device=/dev/tty; break; }
        done
        echo "NodeName=n[1-$NODES] Name=gpu File=$device[0-$((GPUS - 1))]" >"$ROOT/etc/gres.conf"
    fi
    cat >"$SLURM_CONF" <<CONF
ClusterName=ablate
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$PORT
SlurmUser=$me
SlurmdUser=$me
AuthType=auth/munge
AuthInfo=socket=$ROOT/run/munge.socket,cred_expire=5
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$ROOT/state
SlurmdSpoolDir=$ROOT/spool/%n
SlurmctldPidFile=$ROOT/run/slurmctld.pid
SlurmdPidFile=$ROOT/run/%n.pid
SlurmctldLogFile=$ROOT/log/slurmctld.log
SlurmdLogFile=$ROOT/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1
SlurmctldTimeout=10
SlurmdTimeout=${SLURMDTIMEOUT:-10}
KillWait=2
MinJobAge=${MINJOBAGE:-300}
InactiveLimit=0
Waittime=0
JobRequeue=1
ReturnToService=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n[1-$NODES] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((PORT + 1))-$((PORT + NODES))] CPUs=$CPUS RealMemory=16000 $([ "$GPUS" -eq 0 ] || echo "Gres=gpu:$GPUS") State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=high Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=off
CONF
    if [ -n "${BROKEN:-}" ]; then
        printf '#!/bin/sh\n[ "$SLURMD_NODENAME" != %s ]\n' "$BROKEN" >"$ROOT/etc/prolog"
        chmod +x "$ROOT/etc/prolog"
        echo "Prolog=$ROOT/etc/prolog" >>"$SLURM_CONF"
    fi
    # A range of one port is no range to Slurm.
    [ "$NODES" -gt 1 ] || sed -i 's/Port=\[\([0-9]*\)-[0-9]*\]/Port=\1/' "$SLURM_CONF"
    launch munged
    if [ "${ACCOUNTING:-0}" = 1 ]; then
        start_accounting
    else
        echo "AccountingStorageType=accounting_storage/none" >>"$SLURM_CONF"
    fi
    launch slurmctld
    for node in $(nodes); do launch "$node"; done
    until_ok all_up "$NODES"
    echo "export SLURM_CONF=$SLURM_CONF"
}

start_accounting() {
    local sql="mariadb --no-defaults -uroot -S $ROOT/run/mysql.sock" me
    me=$(id -un)
    echo $((PORT + NODES + 1)) >"$ROOT/etc/mysql.port"
    [ -d "$ROOT/mysql/mysql" ] || mariadb-install-db --no-defaults --datadir="$ROOT/mysql" --user="$me" \
        --skip-test-db --auth-root-authentication-method=normal >"$ROOT/log/mysql-install.log" 2>&1
    launch mariadbd
    until_ok $sql -e 'select 1'
    for at in 127.0.0.1 localhost; do
        $sql -e "create user if not exists slurm@'$at' identified by 'slurm'; grant all on slurm_acct_db.* to slurm@'$at'"
    done
    (umask 077 && cat >"$ROOT/etc/slurmdbd.conf") <<CONF
AuthType=auth/munge
AuthInfo=socket=$ROOT/run/munge.socket
DbdAddr=127.0.0.1
DbdHost=$(hostname -s)
DbdPort=$((PORT + NODES + 2))
SlurmUser=$me
LogFile=$ROOT/log/slurmdbd.log
PidFile=$ROOT/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$((PORT + NODES + 1))
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
CommunicationParameters=NoCtldInAddrAny
CONF
    cat >>"$SLURM_CONF" <<CONF
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((PORT + NODES + 2))
AccountingStorageUser=$me
AccountingStoragePass=$ROOT/run/munge.socket
CONF
    launch slurmdbd
    until_ok sacctmgr -n show cluster
    sacctmgr -i add cluster ablate >/dev/null 2>&1 || true
}

stop() {
    local names pid alive
    names="slurmctld $(nodes) slurmdbd mariadbd munged"
    for node in $(nodes); do end_jobs_of "$node"; done
    for name in $names; do
        pid=$(pid_of "$name")
        [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    done
    for _ in $(seq 50); do
        alive=
        for name in $names; do alive+=$(pid_of "$name"); done
        [ -n "$alive" ] || return 0
        sleep 0.1
    done
    for name in $names; do
        pid=$(pid_of "$name")
        [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
    done
}

case $VERB in
    start) start ;;
    stop) stop ;;
    kill)
        pid=$(pid_of "$DAEMON")
        [ -z "$pid" ] || kill -9 "$pid" ;;
    crash) end_jobs_of "$DAEMON" ;;
    resume) launch "$DAEMON" ;;
    *) usage ;;
esac
