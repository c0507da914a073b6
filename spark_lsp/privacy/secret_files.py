"""Files that usually hold secrets, by their names and by the folders they are in.

Three lists decide, in this order: temporary files of tools that decrypt a file for an editor; names that look
like those of secret files but belong to ordinary code or templates; names of secret files.
"""

import functools
import re
from fnmatch import translate

_CODE = (
    r"\.(?:c|cc|cpp|cs|d\.ts|ex|go|h|hpp|hs|java|js|jsx|kt|lua|ml|mjs|php|pl|py|pyi|r|rb|rs|scala|swift"
    r"|ts|tsx|vue)"
)
_MODULE = re.compile(rf"(?:secrets?|credentials){_CODE}")
# fmt: off
_TOOLS = (
    "pass.", "passage", "gopass", "kubectl-edit-", "oc-edit-", "sops", "helm-secrets", "chezmoi",
    "age-", "rage-", "agenix", "ragenix", "blackbox", "vault-", "bw-", "bitwarden", "op-", "1password",
    "eyaml", "crontab.", "gpg-", "git-crypt", "transcrypt", "pwsafe", "lpass", "keepass", "credstash",
    "chamber-", "aws-vault", "ansible_",
)
_SCRATCH = (
    r"(?:/dev/shm|(?:/private)?(?:/var)?/tmp|/run/user/\d+|(?:/private)?/var/folders/[^/]+/[^/]+/[^/]+"
    r"|/[a-z]:/users/[^/]+/appdata/local/temp|/[a-z]:/windows/temp)"
)
_TEMPORARY = re.compile(
    "|".join((
        rf"(?!.*{_CODE}$){_SCRATCH}/(?:{'|'.join(map(re.escape, _TOOLS))})[^/]*(?:/[^/]+)?",
        rf"/dev/shm/(?:{'|'.join(map(re.escape, _TOOLS))})[^/]*/.*",
        rf"{_SCRATCH}/\d{{6,}}/[^/]+",             # sops and other programs in Go name a folder by a number
        rf"(?!.*{_CODE}$){_SCRATCH}/tmp\.[a-z0-9]{{6,}}/[^/]+",  # mktemp -d, as agenix and many scripts
        r"/dev/shm/[^/]+",                          # a file in shared memory, to keep it off all disks
        r"(?:/private)?/var/tmp/[^/]+",             # sudoedit
        r".*/ansible-local-[^/]+/.*", r".*/\.ansible/tmp/.*",
        r"(?:.*/)?kubectl-edit-[^/]*\.ya?ml", r"(?:.*/)?\.decrypted~[^/]+",
        r"/run/secrets/.*", r"(?:/private)?/etc/g?shadow-?",
    )),
    re.IGNORECASE | re.DOTALL,
)
SECRET_NAMES = (
    ".env", ".env.*", "*.env", ".envrc", ".flaskenv", ".dev.vars", ".secrets", "*.pem", "*.key",
    "*.p12", "*.pfx", "*.p8", "*.jks", "*.keystore", "*.bcfks", "*.kdb", "*.kdbx", "*.ovpn", "*.ppk",
    "*.asc", "*.gpg", "*.pgp", "*.age", "*.keytab", "*.agilekeychain", "*.psafe3", "*.mobileprovision",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "id_xmss*", "ssh_host_*_key", ".netrc", "_netrc",
    ".authinfo", ".npmrc", ".pypirc", ".pgpass", "pgpass.conf", ".my.cnf", ".mylogin.cnf",
    ".git-credentials", ".htpasswd", ".htdigest", ".boto", ".s3cfg", ".passwd-s3fs", ".vault-token",
    ".vault_pass*", ".vault-pass*", "vault_pass*", "vault-password*", ".dockercfg", ".dockerconfigjson",
    ".terraformrc", "terraform.rc", ".msmtprc", ".mbsyncrc", ".offlineimaprc", ".fetchmailrc",
    ".smbcredentials", ".databrickscfg", "credentials", "credentials.*", "*.credentials", "secrets.*",
    "secret.*", "*.secret", "*.secrets", "*-secrets.y*ml", "*-secret.y*ml", "*_secrets.y*ml",
    "application_default_credentials.json", "service-account*.json", "service_account*.json",
    "serviceaccount*.json", "client_secret*.json", "*.tfvars", "*.tfvars.json", "*.tfstate",
    "*.tfstate.*", "kubeconfig", "kubeconfig.*", "*.kubeconfig", "rclone.conf", "*.dec", "*.decrypted",
    "*.decrypted.*", "*.dec.y*ml", "master.key", "settings-security.xml",
)
"""Globs for the last name of a path."""
SECRET_PLACES = (
    "*/.ssh/*", "*/.gnupg/*", "*/.aws/*", "*/.azure/*", "*/.kube/*", "*/.docker/config.json",
    "*/.oci/*", "*/.config/gcloud/*", "*/.password-store/*", "*/.local/share/gopass/*",
    "*/.config/spark-lsp/*", "*/.config/op/*", "*/.config/gh/hosts.yml", "*/.config/sops/*",
    "*/.config/age/*", "*/.git/config", "*/.m2/settings.xml", "*/.composer/auth.json",
    "*/.gem/credentials", "*/.cargo/credentials*", "*/.databricks/*", "*/.terraform.d/credentials*",
    "*/group_vars/*vault.y*ml", "*/host_vars/*vault.y*ml",
)
"""Globs for whole paths; `*` matches `/` too."""
# fmt: on
_TEMPLATES = (".example", ".sample", ".template", ".tmpl", ".tpl", ".dist", ".j2")
PUBLIC_NAMES = (
    "*.pub",
    *(f"*{end}" for end in _TEMPLATES),
    *(f"{stem}.env" for stem in ("example", "sample", "template", "dist")),
    *(f".env{end}.*" for end in _TEMPLATES),
)
"""Exceptions, besides modules of code: templates without values, and public keys."""


@functools.cache
def _compile_globs(globs: tuple[str, ...]) -> re.Pattern[str]:
    """Return one regular expression with a group for each glob."""
    return re.compile("|".join(f"({translate(glob)})" for glob in globs))


def _first_matching_glob(text: str, globs: tuple[str, ...]) -> str:
    """Return the first glob that matches a text; empty if none does."""
    match = _compile_globs(globs).match(text)
    if match is None or match.lastindex is None:
        return ""
    return globs[match.lastindex - 1]


@functools.lru_cache(maxsize=1024)
def secret_file_rule(path: str) -> str:
    """Return the glob, or the reason in words, that makes a decoded path a file of secrets.

    Return an empty text for other files.
    """
    lowered = path.lower()
    name = lowered.rpartition("/")[2]
    if _TEMPORARY.fullmatch(lowered):
        return "a temporary file of a tool for secrets"
    if _first_matching_glob(name, PUBLIC_NAMES) or _MODULE.fullmatch(name):
        return ""
    return _first_matching_glob(name, SECRET_NAMES) or _first_matching_glob(lowered, SECRET_PLACES)
