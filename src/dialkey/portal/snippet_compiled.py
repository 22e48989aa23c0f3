"""Code for one client in Java and Go."""

from __future__ import annotations

from dialkey.directory.model import AuthMethod
from dialkey.portal.snippet_scripts import Target, lines, quoted


def spring(target: Target) -> str:
    """Spring Security's OAuth 2.0 client: a configuration class."""
    method = {
        AuthMethod.BASIC: "CLIENT_SECRET_BASIC",
        AuthMethod.POST: "CLIENT_SECRET_POST",
        AuthMethod.PRIVATE_KEY_JWT: "PRIVATE_KEY_JWT",
        AuthMethod.NONE: "NONE",
    }[target.auth_method]
    grant = "CLIENT_CREDENTIALS" if target.machine else "AUTHORIZATION_CODE"
    scopes = ", ".join(quoted(scope) for scope in target.scope.split())
    return lines(
        "import org.springframework.context.annotation.Bean;",
        "import org.springframework.context.annotation.Configuration;",
        "import org.springframework.security.oauth2.client.registration.ClientRegistration;",
        "import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;",
        "import org.springframework.security.oauth2.client.registration.InMemoryClientRegistrationRepository;",
        "import org.springframework.security.oauth2.core.AuthorizationGrantType;",
        "import org.springframework.security.oauth2.core.ClientAuthenticationMethod;",
        "",
        "@Configuration",
        "public class DialkeyClient {",
        "    @Bean",
        "    ClientRegistrationRepository clients() {",
        '        return new InMemoryClientRegistrationRepository(ClientRegistration.withRegistrationId("dialkey")',
        f"            .clientId({quoted(target.client_id)})",
        '            .clientSecret(System.getenv("DIALKEY_CLIENT_SECRET"))' if target.secret else None,
        f"            .clientAuthenticationMethod(ClientAuthenticationMethod.{method})",
        f"            .authorizationGrantType(AuthorizationGrantType.{grant})",
        None if target.machine else f"            .redirectUri({quoted(target.redirect_uri)})",
        f"            .scope({scopes})" if scopes else None,
        None if target.machine else f"            .authorizationUri({quoted(target.base_url + '/oauth2/auth')})",
        f"            .tokenUri({quoted(target.base_url + '/oauth2/token')})",
        None if target.machine else f"            .userInfoUri({quoted(target.base_url + '/userinfo')})",
        None if target.machine else '            .userNameAttributeName("sub")',
        None if target.machine else f"            .jwkSetUri({quoted(target.base_url + '/.well-known/jwks.json')})",
        f"            .issuerUri({quoted(target.issuer)})",
        '            .clientName("Dialkey")',
        "            .build());",
        "    }",
        "}",
    )


def scribe(target: Target) -> str:
    """ScribeJava, for programs without a framework."""
    post = target.auth_method is not AuthMethod.BASIC
    style = "com.github.scribejava.core.oauth2.clientauthentication"
    pkce = target.pkce and not target.machine
    body_machine = [
        f"            OAuth2AccessToken token = service.getAccessTokenClientCredentialsGrant({quoted(target.scope)});",
        '            System.out.println(token.getExpiresIn() + " seconds");',
    ]
    body_code = [
        "            AuthorizationUrlBuilder builder = service.createAuthorizationUrlBuilder()"
        '.state("a-random-value-of-your-own")' + (".initPKCE();" if pkce else ";"),
        '            System.out.println("Open in a browser: " + builder.build());',
        '            System.out.print("The code that you came back with: ");',
        "            String code = new Scanner(System.in).nextLine().trim();",
        "            OAuth2AccessToken token = service.getAccessToken(AccessTokenRequestParams.create(code)"
        + (".pkceCodeVerifier(builder.getPkce().getCodeVerifier()));" if pkce else ");"),
        f"            OAuthRequest request = new OAuthRequest(Verb.GET, {quoted(target.base_url + '/userinfo')});",
        "            service.signRequest(token, request);",
        "            System.out.println(service.execute(request).getBody());",
    ]
    return lines(
        "import com.github.scribejava.core.builder.ServiceBuilder;",
        "import com.github.scribejava.core.builder.api.DefaultApi20;",
        "import com.github.scribejava.core.model.*;",
        "import com.github.scribejava.core.oauth.*;",
        "import java.util.Scanner;",
        "",
        "public class Dialkey {",
        "    static class Api extends DefaultApi20 {",
        "        @Override public String getAccessTokenEndpoint() "
        f"{{ return {quoted(target.base_url + '/oauth2/token')}; }}",
        "        @Override protected String getAuthorizationBaseUrl() "
        f"{{ return {quoted(target.base_url + '/oauth2/auth')}; }}",
        f"        @Override public {style}.ClientAuthentication getClientAuthentication() {{\n"
        f"            return {style}.RequestBodyAuthenticationScheme.instance();\n        }}"
        if post
        else None,
        "    }",
        "",
        "    public static void main(String[] args) throws Exception {",
        f"        ServiceBuilder settings = new ServiceBuilder({quoted(target.client_id)});",
        '        settings.apiSecret(System.getenv("DIALKEY_CLIENT_SECRET"));' if target.secret else None,
        None
        if target.machine
        else f"        settings.defaultScope({quoted(target.scope)}).callback({quoted(target.redirect_uri)});",
        "        try (OAuth20Service service = settings.build(new Api())) {",
        *(body_machine if target.machine else body_code),
        "        }",
        "    }",
        "}",
    )


def _go_fields(indent: str, *fields: tuple[str, str] | None) -> str:
    """Fields of a struct literal, aligned as gofmt does."""
    present = [field for field in fields if field is not None]
    width = max(len(name) for name, _ in present) + 2
    return "\n".join(f"{indent}{name + ':':<{width}}{value}," for name, value in present)


def _go_imports(*names: str) -> str:
    own = "".join(f'\n\t"{name}"' for name in names if "." not in name)
    other = "".join(f'\n\t"{name}"' for name in names if "." in name)
    return f"package main\n\nimport ({own}\n{other}\n)\n\nfunc main() {{"


def go(target: Target) -> str:
    """golang.org/x/oauth2."""
    style = "oauth2.AuthStyleInHeader" if target.auth_method is AuthMethod.BASIC else "oauth2.AuthStyleInParams"
    own = ("ClientID", quoted(target.client_id))
    secret = ("ClientSecret", 'os.Getenv("DIALKEY_CLIENT_SECRET")') if target.secret else None
    scopes = ("Scopes", f"[]string{{{', '.join(map(quoted, target.scope.split()))}}}")
    token_url = ("TokenURL", quoted(target.base_url + "/oauth2/token"))
    if target.machine:
        system = ("context", "fmt", "log", *(("os",) if target.secret else ()))
        return lines(
            _go_imports(*system, "golang.org/x/oauth2", "golang.org/x/oauth2/clientcredentials"),
            "\tconf := &clientcredentials.Config{",
            _go_fields("\t\t", own, secret, token_url, scopes, ("AuthStyle", style)),
            "\t}",
            "\ttoken, err := conf.Token(context.Background())",
            "\tif err != nil {\n\t\tlog.Fatal(err)\n\t}",
            '\tfmt.Println("good until", token.Expiry)',
            "}",
        )
    return lines(
        _go_imports("context", "fmt", "io", "log", "os", "golang.org/x/oauth2"),
        "\tctx := context.Background()",
        "\tconf := &oauth2.Config{",
        _go_fields("\t\t", own, secret, ("RedirectURL", quoted(target.redirect_uri)), scopes),
        "\t\tEndpoint: oauth2.Endpoint{",
        _go_fields("\t\t\t", ("AuthURL", quoted(target.base_url + "/oauth2/auth")), token_url, ("AuthStyle", style)),
        "\t\t},",
        "\t}",
        "\tverifier := oauth2.GenerateVerifier()" if target.pkce else None,
        '\tfmt.Println("Open in a browser:", conf.AuthCodeURL("a-random-value-of-your-own"'
        + (", oauth2.S256ChallengeOption(verifier)))" if target.pkce else "))"),
        "",
        "\tvar code string",
        '\tfmt.Print("The code that you came back with: ")',
        "\tfmt.Fscan(os.Stdin, &code)",
        "\ttoken, err := conf.Exchange(ctx, code" + (", oauth2.VerifierOption(verifier))" if target.pkce else ")"),
        "\tif err != nil {\n\t\tlog.Fatal(err)\n\t}",
        f"\tanswer, err := conf.Client(ctx, token).Get({quoted(target.base_url + '/userinfo')})",
        "\tif err != nil {\n\t\tlog.Fatal(err)\n\t}",
        "\tdefer answer.Body.Close()",
        "\tio.Copy(os.Stdout, answer.Body)",
        "}",
    )
