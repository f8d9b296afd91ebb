//! Who has which processor. Servers that are compared have one and the same, the client has another: so each is given as much
//! as the other, and the client takes nothing from either.

use {
    rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity},
    std::thread,
};

/// Who it is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose {
    /// One of the servers that are compared.
    Server,
    /// Who asks them.
    Client,
}

/// Does `work` on that processor alone, and so does all that it starts.
pub(crate) fn on<R: Send>(whose: Whose, work: impl FnOnce() -> R + Send) -> R {
    let all = sched_getaffinity(None).unwrap();
    let mut ours = (0..CpuSet::MAX_CPU).filter(|processor| all.is_set(*processor));
    let place = match whose {
        Whose::Server => 0,
        Whose::Client => 1,
    };
    let processor = ours
        .nth(place)
        .unwrap_or_else(|| panic!("a measurement takes two processors"));
    let pinned = || {
        let mut only = CpuSet::new();
        only.set(processor);
        sched_setaffinity(None, &only).unwrap();
        work()
    };
    thread::scope(|scope| scope.spawn(pinned).join().unwrap())
}

#[cfg(test)]
mod tests {
    use {super::*, std::process::Command};

    /// The processors that a program may use which is started here.
    fn shown() -> String {
        let output = Command::new("grep")
            .args(["Cpus_allowed_list", "/proc/self/status"])
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }

    #[test]
    fn server_and_client_have_one_each_and_the_caller_keeps_all() {
        let before = shown();
        let (server, client) = (on(Whose::Server, shown), on(Whose::Client, shown));
        assert_ne!(server, client);
        for one in [server, client] {
            assert!(
                one.trim_end().rsplit('\t').next().unwrap().parse::<u32>().is_ok(),
                "{one}"
            );
        }
        assert_eq!(shown(), before);
    }
}
