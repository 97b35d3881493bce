"""How keys and tokens of known issuers begin, and how long they are."""

import re

_FORMS = (
    # AWS access keys
    r"(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z2-7]{16}",
    # GitHub, GitLab
    r"gh[pousr]_[A-Za-z0-9]{36,251}",
    r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
    r"gl(?:pat|ptt|dt|rt|cbt|ft|soat)-[\w-]{20,60}",
    # Slack, Discord, Telegram
    r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,250}",
    r"xapp-\d-[A-Z0-9]+-\d+-[a-f0-9]{10,90}",
    r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_+-]{20,90}",
    r"https://(?:canary\.|ptb\.)?discord(?:app)?\.com/api/webhooks/\d{15,22}/[\w-]{50,90}",
    r"\d{8,10}:AA[\w-]{33}",
    # Google
    r"AIza[\w-]{35}",
    r"ya29\.[\w-]{20,200}",
    r"GOCSPX-[\w-]{28}",
    # Language models
    r"sk-ant-(?:api|admin|oat)\d\d-[\w-]{80,120}",
    r"sk-(?:proj|svcacct|admin|None)-[\w-]{20,200}",
    r"sk-(?:or-v1-[a-f0-9]{64}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|[A-Za-z0-9]{32,64})",
    r"hf_[A-Za-z]{34}|api_org_[A-Za-z]{34}",
    r"gsk_[A-Za-z0-9]{52}|r8_[A-Za-z0-9]{37}|pplx-[A-Za-z0-9]{48}|xai-[A-Za-z0-9]{80}",
    # Payments
    r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,128}",
    r"whsec_[A-Za-z0-9+/=]{32,64}",
    r"sq0(?:atp|csp)-[\w-]{22,43}",
    r"(?:access_token\$production\$[a-z0-9]{16}\$[a-f0-9]{32})",
    # Package registries
    r"npm_[A-Za-z0-9]{36}",
    r"pypi-AgE[\w-]{50,250}",
    r"rubygems_[a-f0-9]{48}",
    r"dckr_pat_[\w-]{27}",
    r"cio[A-Za-z0-9]{32}",
    # Mail and telephony
    r"SG\.[\w-]{16,32}\.[\w-]{16,64}",
    r"key-[a-f0-9]{32}",
    r"[a-f0-9]{32}-us\d{1,2}",
    r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
    # Clouds, shops and tools
    r"do[por]_v1_[a-f0-9]{64}",
    r"dapi[a-f0-9]{32}(?:-\d)?",
    r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
    r"(?:hvs|hvb|hvr)\.[\w-]{24,200}",
    r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,90}",
    r"lin_api_[A-Za-z0-9]{40}|secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{46}",
    r"glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|glc_[A-Za-z0-9+/=]{32,400}",
    r"NRAK-[A-Z0-9]{27}|NRJS-[a-f0-9]{19}",
    r"sntrys_[A-Za-z0-9+/=_]{40,400}",
    r"figd_[\w-]{40}|PMAK-[a-f0-9]{24}-[a-f0-9]{34}|fo1_[\w-]{43}",
    r"AGE-SECRET-KEY-1[0-9A-Z]{58}",
    r"EAA[A-Za-z0-9]{80,250}",
    # JSON web tokens: header and claims are JSON, so both begin with {"
    r"eyJ[\w-]{8,4000}\.eyJ[\w-]{8,16000}(?:\.[\w-]{0,4000})?",
)
TOKEN = re.compile(r"(?<![\w/+-])(?:" + "|".join(_FORMS) + r")(?![\w-])")
"""Anything that an issuer's own beginning and length give away."""

UNMARKED = re.compile(
    r"(?<![\w/+-])(?:(?:SK|AC)[a-f0-9]{32}|[MNO][A-Za-z\d_-]{23,27}\.[\w-]{6}\.[\w-]{27,40})(?![\w-])"
)
"""Twilio's and Discord's, whose beginnings are too short to look for."""

BEGINNINGS = (
    "akia", "asia", "aroa", "aida", "abia", "acca", "ghp_", "gho_", "ghu_", "ghs_", "ghr_",
    "github_pat_", "glpat-", "glptt-", "gldt-", "glrt-", "glcbt-", "glft-", "glsoat-", "xox",
    "xapp-", "hooks.slack.com", "/api/webhooks/", "aiza", "ya29.", "gocspx-", "sk-", "hf_",
    "api_org_", "gsk_", "r8_", "pplx-", "xai-", "_live_", "_test_", "whsec_", "sq0",
    "access_token$", "npm_", "pypi-", "rubygems_", "dckr_pat_", "cio", "sg.", "key-", "-us",
    "xkeysib-", "dop_v1_", "doo_v1_", "dor_v1_", "dapi", "shpat_", "shpca_", "shppa_", "shpss_",
    "hvs.", "hvb.", "hvr.", "atlasv1", "lin_api_", "secret_", "ntn_", "glsa_",
    "glc_", "nrak-", "nrjs-", "sntrys_", "figd_", "pmak-", "fo1_", "age-secret-key", "eaa", "eyj",
    ":aa",
)  # fmt: skip

PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[^-]|-(?!----)){0,20000}+(?:-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"
)
"""A PEM or PGP private key, cut ones too."""
