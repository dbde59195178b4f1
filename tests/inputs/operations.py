"""Operations to check rows against: like the shipped ones, written out so that these tests need no profile."""

from runner.domain.provider import Input, InputKind, Operation

EMAIL = Operation(
    provider="defastra",
    name="email",
    column_prefix="defastra_email_",
    method="POST",
    path="/deep_email_check",
    inputs=(
        Input(name="email", kind=InputKind.EMAIL),
        Input(name="timeout", kind=InputKind.CHOICE, required=False, of=("minimal", "normal")),
        Input(name="label", kind=InputKind.TEXT, required=False, max=30),
    ),
)
PHONE = Operation(
    provider="defastra",
    name="phone",
    column_prefix="defastra_phone_",
    method="POST",
    path="/deep_phone_check",
    inputs=(
        Input(name="phone", kind=InputKind.PHONE, send="digits"),
        Input(name="label", kind=InputKind.TEXT, required=False, max=30),
    ),
)
BREACH = Operation(
    provider="acme",
    name="breach",
    column_prefix="acme_breach_",
    method="GET",
    path="/breach",
    inputs=(Input(name="email", kind=InputKind.EMAIL),),
)
