//! What the user granted: hosts with their ports, and names on the bus.

use std::sync::Arc;

/// The lists.
#[derive(Debug, Clone, Default)]
pub struct Granted {
    network: Vec<(String, u16)>,
    dbus: Arc<Vec<String>>,
}

impl Granted {
    /// From `--network=HOST:PORT` and `--dbus=NAME`.
    pub fn from_arguments(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut network, mut dbus) = (Vec::new(), Vec::new());
        for argument in arguments {
            if let Some(entry) = argument.strip_prefix("--network=") {
                network.push(address(entry).ok_or_else(|| format!("{entry} is no host and port"))?);
            } else if let Some(name) = argument.strip_prefix("--dbus=") {
                dbus.push(name.to_string());
            } else {
                return Err(format!("unknown argument {argument}"));
            }
        }
        Ok(Self { network, dbus: Arc::new(dbus) })
    }

    /// Whether this host may be reached at this port. `*.example.org` stands for every name below it, and for
    /// nothing else.
    pub fn allows(&self, host: &str, port: u16) -> bool {
        self.network.iter().any(|(granted, at)| {
            let below =
                |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1);
            *at == port && (granted == host || granted.strip_prefix("*.").is_some_and(below))
        })
    }

    /// Whether this name may be talked to. `org.example.Player.*` stands for every name below it, and for nothing else.
    pub fn allows_name(&self, name: &str) -> bool {
        let below = |above: &str| name.strip_prefix(above).is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'));
        self.dbus.iter().any(|granted| granted == name || granted.strip_suffix(".*").is_some_and(below))
    }

    /// Whether names were granted that nobody can know in advance.
    pub fn has_families(&self) -> bool {
        self.dbus.iter().any(|granted| granted.ends_with(".*"))
    }

    /// Whether any name was granted.
    pub fn has_names(&self) -> bool {
        !self.dbus.is_empty()
    }
}

/// Host (lower case, an IPv6 address without its brackets) and port.
pub fn address(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host.strip_prefix('[').map_or(Some(host), |rest| rest.strip_suffix(']'))?;
    let good = !bare.is_empty() && !bare.contains(['/', '@', ' ', '\0', '[', ']']);
    Some((bare.trim_end_matches('.').to_lowercase(), port.parse().ok().filter(|port| *port > 0)?)).filter(|_| good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_allowed() {
        let arguments = ["--network=api.example.org:443", "--network=*.example.net:80", "--dbus=org.example.A"];
        let granted = Granted::from_arguments(arguments.into_iter().map(String::from)).expect("good arguments");
        assert!(granted.allows("api.example.org", 443) && granted.allows("a.b.example.net", 80));
        for (host, port) in [("api.example.org", 80), ("example.org", 443), ("evilapi.example.org", 443)] {
            assert!(!granted.allows(host, port), "{host}:{port}");
        }
        for host in ["example.net", "evilexample.net", ".example.net", "example.net.evil.org"] {
            assert!(!granted.allows(host, 80), "{host}");
        }
        assert!(granted.allows_name("org.example.A") && !granted.allows_name("org.example.AB"));
        let family = Granted::from_arguments(["--dbus=org.example.Player.*".to_string()].into_iter()).expect("good");
        assert!(family.has_families() && !granted.has_families());
        assert!(family.allows_name("org.example.Player.vlc") && family.allows_name("org.example.Player.a.instance7"));
        for name in
            ["org.example.Player", "org.example.Player.", "org.example.Players", "org.example.PlayerX.a", ":1.5"]
        {
            assert!(!family.allows_name(name), "{name}");
        }
        assert!(Granted::from_arguments(["--port=1".to_string()].into_iter()).is_err());
    }

    #[test]
    fn addresses_are_host_and_port() {
        assert_eq!(address("API.Example.org.:443"), Some(("api.example.org".into(), 443)));
        assert_eq!(address("[::1]:80"), Some(("::1".into(), 80)));
        for bad in ["", "host", "host:", "host:0", "host:70000", ":80", "a b:80", "[::1:80", "u@h:80", "h/x:80"] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }
}
